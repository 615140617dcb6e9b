locals {
  repository      = "${path.module}/../../../.."
  packages_folder = coalesce(var.packages_folder, "${local.repository}/build/packages")
}

# One key for the queues, the table, the logs, the schedules and the alarms. The topics in the member
# accounts get keys of their own.
module "key" {
  source = "../../modules/key"
  count  = var.customer_keys ? 1 : 0

  name_prefix = var.name_prefix
  tags        = var.tags
}

module "ami_tracker" {
  source = "../.."

  name_prefix  = var.name_prefix
  regions_file = coalesce(var.regions_file, "${local.repository}/regions.yaml")

  packages = {
    for service in ["scheduler", "lookup", "aggregator"] :
    service => "${local.packages_folder}/${service}.zip"
  }
  runtime      = var.runtime
  architecture = var.architecture

  # Every account of these units gets the roles and topics, accounts that join them later too. The
  # organisation's management account is never among them.
  stack_set_model         = "SERVICE_MANAGED"
  stack_set_call_as       = var.stack_set_call_as
  organizational_unit_ids = var.organizational_unit_ids
  organization_id         = var.organization_id
  external_id             = var.external_id
  previous_external_ids   = var.previous_external_ids

  stack_set_failure_tolerance_percent = var.stack_set_failure_tolerance_percent
  stack_set_region_order              = var.stack_set_region_order

  schedule_expression = var.schedule_expression
  round_alarm_minutes = var.round_alarm_minutes

  kms_key_arn                  = one(module.key[*].arn)
  table_name                   = var.table_name
  deletion_protection          = var.deletion_protection
  alarm_emails                 = var.alarm_emails
  alarm_topic_arns             = var.alarm_topic_arns
  images_never_found_threshold = var.images_never_found_threshold
  pairs_failing_percent        = var.pairs_failing_percent
  pairs_stale_percent          = var.pairs_stale_percent
  targets_failing_threshold    = var.targets_failing_threshold
  rows_unreadable_threshold    = var.rows_unreadable_threshold

  tags = var.tags
}
