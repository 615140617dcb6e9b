"""Builds one reproducible zip per Lambda function: `python -m infra.package`."""
