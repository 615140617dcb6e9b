output "ami_tracker" {
  description = "Everything that the module tells: names, ARNs, and the parameters for accounts that are set up by hand."
  value       = module.ami_tracker
}
