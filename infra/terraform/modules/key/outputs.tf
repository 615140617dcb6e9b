output "arn" {
  description = "ARN of the key, for the hub's kms_key_arn."

  # Built from its parts, so that the ARN is not null in a plan that creates the key.
  value = "arn:${local.partition}:kms:${local.region}:${local.account_id}:key/${aws_kms_key.this.key_id}"
}

output "alias_name" {
  description = "Alias of the key."
  value       = aws_kms_alias.this.name
}
