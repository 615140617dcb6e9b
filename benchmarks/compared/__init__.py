"""Simpler ways to look up images, which the functions are compared with in the same run."""
