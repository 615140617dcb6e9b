"""The report page: one HTML file that shows what is tracked, and what needs attention."""
