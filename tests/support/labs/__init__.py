"""Whole services or deployments for tests, each with the word lab in its name."""
