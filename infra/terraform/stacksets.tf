# Roles and topics in the accounts and regions of regions.yaml. A line of that file changes only its
# own stack instances and the policies that name its region.
module "members" {
  source = "./modules/members"
  count  = var.stack_set_model == "NONE" || length(local.targets) == 0 ? 0 : 1

  name_prefix    = var.name_prefix
  hub_account_id = local.account_id
  home_region    = local.region
  targets        = local.targets

  lookup_role_name     = local.lookup_name
  aggregator_role_name = local.aggregator_name
  read_role_name       = local.read_role_name
  publish_role_name    = local.publish_role_name

  external_ids          = distinct(concat([var.external_id], var.previous_external_ids))
  organization_id       = var.organization_id
  parameter_paths       = var.parameter_paths
  shared_parameter_arns = var.shared_parameter_arns
  role_path             = var.role_path
  permissions_boundary  = local.members_boundary

  topic_name             = local.topic_base_name
  fifo                   = var.fifo_topics
  subscriber_account_ids = var.subscriber_account_ids
  topic_encryption       = var.kms_key_arn == null ? "aws-managed" : "customer-key"

  permission_model        = var.stack_set_model
  organizational_unit_ids = var.organizational_unit_ids
  call_as                 = var.stack_set_call_as
  administration_role_arn = var.stack_set_administration_role_arn
  execution_role_name     = local.execution_role_name

  failure_tolerance_percent = var.stack_set_failure_tolerance_percent
  region_order              = var.stack_set_region_order

  tags = var.tags
}
