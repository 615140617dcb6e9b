"""Reads, checks and compiles the YAML that people edit."""
