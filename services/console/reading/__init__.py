"""What the commands that read the table of a deployment have in common."""
