# This file is the same in every example; the defaults in variables.tf differ.

locals {
  repository      = "${path.module}/../../../.."
  packages_folder = coalesce(var.packages_folder, "${local.repository}/build/packages")
}

# One key for the queues, the table, the logs, the schedules and the alarms. The topics in the member
# accounts get their own keys.
module "key" {
  source = "../../modules/key"
  count  = var.customer_keys ? 1 : 0

  name_prefix = var.name_prefix
  tags        = var.tags
}

module "ami_tracker" {
  source = "../.."

  name_prefix = var.name_prefix
  tags        = var.tags

  regions_file = coalesce(var.regions_file, "${local.repository}/regions.yaml")
  packages = {
    scheduler  = "${local.packages_folder}/scheduler.zip"
    lookup     = "${local.packages_folder}/lookup.zip"
    aggregator = "${local.packages_folder}/aggregator.zip"
    publisher  = "${local.packages_folder}/publisher.zip"
    manifest   = "${local.packages_folder}/manifest.json"
  }
  runtime                    = var.runtime
  architecture               = var.architecture
  ca_bundle                  = var.ca_bundle
  lookup_memory_mb           = var.lookup_memory_mb
  lookup_maximum_concurrency = var.lookup_maximum_concurrency
  log_retention_days         = var.log_retention_days

  schedule_expression   = var.schedule_expression
  max_removed_percent   = var.max_removed_percent
  parameter_paths       = var.parameter_paths
  shared_parameter_arns = var.shared_parameter_arns

  external_id            = var.external_id
  previous_external_ids  = var.previous_external_ids
  organization_id        = var.organization_id
  subscriber_account_ids = var.subscriber_account_ids
  role_path              = var.role_path
  permissions_boundary   = var.permissions_boundary
  create_access_policies = var.create_access_policies
  site                   = var.site

  stack_set_model                     = var.stack_set_model
  stack_set_call_as                   = var.stack_set_call_as
  organizational_unit_ids             = var.organizational_unit_ids
  stack_set_failure_tolerance_percent = var.stack_set_failure_tolerance_percent
  stack_set_region_order              = var.stack_set_region_order
  stack_set_administration_role_arn   = var.stack_set_administration_role_arn
  stack_set_execution_role_name       = var.stack_set_execution_role_name
  fifo_topics                         = var.fifo_topics

  kms_key_arn         = var.customer_keys ? one(module.key[*].arn) : var.kms_key_arn
  table_name          = var.table_name
  deletion_protection = var.deletion_protection

  alarm_emails                 = var.alarm_emails
  alarm_topic_arn              = var.alarm_topic_arn
  alarm_topic_arns             = var.alarm_topic_arns
  round_alarm_minutes          = var.round_alarm_minutes
  images_never_found_threshold = var.images_never_found_threshold
  pairs_failing_percent        = var.pairs_failing_percent
  pairs_stale_percent          = var.pairs_stale_percent
  targets_failing_threshold    = var.targets_failing_threshold
  rows_unreadable_threshold    = var.rows_unreadable_threshold
}

check "alarms" {
  assert {
    condition     = length(concat(coalesce(var.alarm_emails, []), coalesce(var.alarm_topic_arns, []), compact([var.alarm_topic_arn]))) > 0
    error_message = "No one receives the alarms: set alarm_emails, alarm_topic_arn or alarm_topic_arns, or subscribe to the topic that the module creates."
  }
}
