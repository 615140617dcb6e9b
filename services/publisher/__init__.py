"""Publisher: writes the report page and the feed to a private bucket on a schedule."""
