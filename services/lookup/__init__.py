"""Finds the current image of each requested pair and commits changes."""
