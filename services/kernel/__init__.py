"""Shared by the services: domain types, formats, failure classes, AWS access, logs and metrics."""
