"""Values with defaults: pairs, releases, requests, images, rows."""
