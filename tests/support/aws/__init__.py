"""Terraform, emulators, packages and policies, and readers of their output."""
