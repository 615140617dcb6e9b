"""Deployment of the service: packages, templates and the Terraform module."""
