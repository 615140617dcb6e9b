output "arn" {
  description = "ARN of the key: the hub's kms_key_arn."

  # Put together, so that a plan that is to make the key knows already that there is one.
  value = "arn:${local.partition}:kms:${local.region}:${local.account_id}:key/${aws_kms_key.this.key_id}"
}

output "alias_name" {
  description = "Alias of the key."
  value       = aws_kms_alias.this.name
}
