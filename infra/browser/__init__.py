"""Opens the report page in the system's Chromium: for its tests, screenshots and figures."""
