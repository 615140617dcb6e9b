locals {
  repository      = "${path.module}/../../../.."
  packages_folder = coalesce(var.packages_folder, "${local.repository}/build/packages")
}

module "ami_tracker" {
  source = "../.."

  name_prefix  = var.name_prefix
  regions_file = coalesce(var.regions_file, "${local.repository}/regions.yaml")

  packages = {
    for service in ["scheduler", "lookup", "aggregator"] :
    service => "${local.packages_folder}/${service}.zip"
  }
  runtime                    = var.runtime
  architecture               = var.architecture
  lookup_memory_mb           = var.lookup_memory_mb
  lookup_maximum_concurrency = var.lookup_maximum_concurrency
  log_retention_days         = var.log_retention_days

  schedule_expression = var.schedule_expression
  max_removed_percent = var.max_removed_percent
  parameter_paths     = var.parameter_paths

  external_id               = var.external_id
  previous_external_ids     = var.previous_external_ids
  organization_id           = var.organization_id
  subscriber_account_ids    = var.subscriber_account_ids
  permissions_boundary_name = var.permissions_boundary_name

  stack_set_model                     = var.stack_set_model
  stack_set_failure_tolerance_percent = var.stack_set_failure_tolerance_percent
  stack_set_region_order              = var.stack_set_region_order
  stack_set_administration_role_arn   = var.stack_set_administration_role_arn
  stack_set_execution_role_name       = var.stack_set_execution_role_name
  fifo_topics                         = var.fifo_topics

  kms_key_arn         = var.kms_key_arn
  table_name          = var.table_name
  deletion_protection = var.deletion_protection

  alarm_emails                 = var.alarm_emails
  alarm_topic_arn              = var.alarm_topic_arn
  round_alarm_minutes          = var.round_alarm_minutes
  alarm_topic_arns             = var.alarm_topic_arns
  images_never_found_threshold = var.images_never_found_threshold
  pairs_failing_percent        = var.pairs_failing_percent
  pairs_stale_percent          = var.pairs_stale_percent
  targets_failing_threshold    = var.targets_failing_threshold
  rows_unreadable_threshold    = var.rows_unreadable_threshold

  tags = var.tags
}
