output "ami_tracker" {
  description = "All outputs of the module: names, ARNs, and the parameters for accounts that are set up by hand. Sensitive, since the external id is among them: `terraform output -json ami_tracker` prints all of it."
  sensitive   = true
  value       = module.ami_tracker

  precondition {
    condition     = !var.customer_keys || var.kms_key_arn == null
    error_message = "customer_keys = true makes a key, and kms_key_arn names one that exists: set one of them only."
  }
}
