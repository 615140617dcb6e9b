terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7"
    }
  }

  # A shared state for a team, with a lock (use_lockfile needs Terraform 1.10). The bucket must exist;
  # enable versioning and encryption for it.
  #
  # backend "s3" {
  #   bucket       = "example-terraform-state"
  #   key          = "ami-tracker/terraform.tfstate"
  #   region       = "us-east-1"
  #   use_lockfile = true
  # }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = {
      Application = var.name_prefix
      ManagedBy   = "terraform"
    }
  }
}
