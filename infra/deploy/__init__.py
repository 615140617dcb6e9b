"""Plans and deploys a Terraform root: `python -m infra.deploy`, behind `make plan` and `deploy`."""
