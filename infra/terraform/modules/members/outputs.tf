output "stack_set_names" {
  description = "The names of the two StackSets: `roles` and `topics`."
  value       = local.stack_set_names
}

output "execution_role_parameters" {
  description = "`SELF_MANAGED`: the parameters of the execution role's template in every target account; null if the StackSets use other roles."
  value       = local.makes_administration ? local.execution_role_parameters : null
}

output "topic_arns" {
  description = "The topic of every target, by `account/region`."
  value = {
    for target in var.targets :
    "${target.account_id}/${target.region}" => "arn:${local.partition}:sns:${target.region}:${target.account_id}:${local.topic}"
  }
}
