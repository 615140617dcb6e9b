"""Makes the feed from the rows of a deployment: files that update tools and people read; pure."""
