terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7"
    }
  }

  # A state that a team shares, with a lock (use_lockfile needs Terraform 1.10). The bucket must
  # exist; versioning and encryption belong on it.
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
