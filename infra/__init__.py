"""How the service gets into AWS: packages, templates and the Terraform module."""
