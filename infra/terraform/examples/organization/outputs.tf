output "ami_tracker" {
  description = "All outputs of the module: names, ARNs, and the parameters for accounts that are set up by hand. Sensitive, since they contain the external id: `terraform output -json ami_tracker` prints all of them."
  sensitive   = true
  value       = module.ami_tracker

  precondition {
    condition     = !var.customer_keys || var.kms_key_arn == null
    error_message = "customer_keys = true creates a key, and kms_key_arn names an existing key: set only one of them."
  }
}
