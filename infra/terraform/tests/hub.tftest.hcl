# Effects of the variables on the hub.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  external_id  = "of-the-tests"
  regions_file = "tests/fixtures/regions.yaml"
  packages = {
    scheduler  = "tests/fixtures/package.zip"
    lookup     = "tests/fixtures/package.zip"
    aggregator = "tests/fixtures/package.zip"
    manifest   = "tests/fixtures/manifest.json"
  }
}

run "without_a_key" {
  command = plan

  assert {
    condition     = alltrue([for queue in [aws_sqs_queue.lookups, aws_sqs_queue.dead_letters, aws_sqs_queue.schedule_dead_letters] : queue.sqs_managed_sse_enabled && queue.kms_master_key_id == null])
    error_message = "Queues must be encrypted with the key of SQS."
  }

  assert {
    condition     = !aws_dynamodb_table.this.server_side_encryption[0].enabled
    error_message = "The table must be encrypted with DynamoDB's key, which is free of charge."
  }

  assert {
    condition     = aws_sns_topic.alarms[0].kms_master_key_id == null
    error_message = "The topic must have no key: CloudWatch cannot publish to a topic that a key of AWS encrypts."
  }

  assert {
    condition     = output.region_topic_parameters.Encryption == "aws-managed"
    error_message = "Topics must have customer keys only if the hub has one."
  }
}

run "with_a_key" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-0000-0000-000000000000"
  }

  assert {
    condition = alltrue([
      for key in [
        aws_sqs_queue.lookups.kms_master_key_id,
        aws_sqs_queue.dead_letters.kms_master_key_id,
        aws_sqs_queue.schedule_dead_letters.kms_master_key_id,
        aws_dynamodb_table.this.server_side_encryption[0].kms_key_arn,
        aws_scheduler_schedule.round.kms_key_arn,
        aws_scheduler_schedule.sweep.kms_key_arn,
        aws_sns_topic.alarms[0].kms_master_key_id,
      ] : key == var.kms_key_arn
    ])
    error_message = "All resources that support encryption must use the given key."
  }

  assert {
    condition     = output.region_topic_parameters.Encryption == "customer-key"
    error_message = "With a key for the hub, the topics must have customer keys."
  }
}

run "uses_a_restored_table_under_its_own_name" {
  command = plan

  variables {
    table_name = "ami-tracker-restored"
  }

  assert {
    condition     = aws_dynamodb_table.this.name == "ami-tracker-restored" && output.table_name == "ami-tracker-restored"
    error_message = "The hub must use the table in table_name."
  }

  assert {
    condition     = local.table_arn == "arn:aws:dynamodb:us-east-1:111122223333:table/ami-tracker-restored"
    error_message = "The policies must name the table in table_name."
  }
}

run "names_and_metrics_depend_on_the_prefix" {
  command = plan

  variables {
    name_prefix = "second"
  }

  assert {
    condition = alltrue([
      for name in concat(
        values(output.function_names),
        output.alarm_names,
        [
          aws_dynamodb_table.this.name,
          aws_sqs_queue.lookups.name,
          aws_sqs_queue.dead_letters.name,
          aws_sqs_queue.schedule_dead_letters.name,
          aws_scheduler_schedule.round.name,
          aws_scheduler_schedule.sweep.name,
          aws_iam_role.schedule.name,
          aws_sns_topic.alarms[0].name,
          aws_cloudwatch_dashboard.this.dashboard_name,
          output.read_role_name,
          output.publish_role_name,
          output.topic_name,
        ],
        aws_iam_policy.read_only[*].name,
        aws_iam_policy.operator[*].name,
        values(module.members[0].stack_set_names),
      ) : startswith(name, "second")
    ])
    error_message = "All names must begin with the prefix."
  }

  assert {
    condition     = output.metrics_namespace == "AmiTracker/second"
    error_message = "The metrics of two deployments must be separate."
  }
}

run "the_default_prefix_has_the_plain_namespace" {
  command = plan

  assert {
    condition     = output.metrics_namespace == "AmiTracker"
    error_message = "The default prefix must have the namespace of the documents."
  }
}

run "alarms_go_to_email_addresses" {
  command = plan

  variables {
    alarm_emails = ["first@example.com", "second@example.com"]
  }

  assert {
    condition     = sort(values(aws_sns_topic_subscription.alarms)[*].endpoint) == tolist(["first@example.com", "second@example.com"])
    error_message = "Each address must be subscribed."
  }
}

run "alarms_go_to_an_existing_topic" {
  command = plan

  variables {
    alarm_topic_arn = "arn:aws:sns:us-east-1:111122223333:alarms"
  }

  assert {
    condition     = length(aws_sns_topic.alarms) == 0 && output.alarm_topic_arn == var.alarm_topic_arn
    error_message = "No topic must be created in addition to the given one."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_actions == toset([var.alarm_topic_arn])])
    error_message = "All alarms must be sent to the given topic."
  }
}

run "boundary_and_other_settings" {
  command = plan

  variables {
    permissions_boundary       = "boundary"
    role_path                  = "/platform/"
    deletion_protection        = false
    lookup_maximum_concurrency = 50
    lookup_memory_mb           = 1024
    log_retention_days         = 30
    max_removed_percent        = 5
    runtime                    = "python3.12"
    architecture               = "x86_64"
    schedule_expression        = "rate(6 hours)"
    round_alarm_minutes        = 1500
    parameter_paths            = ["/golden/*"]
    shared_parameter_arns      = ["arn:aws:ssm:us-east-1:333344445555:parameter/golden/*"]
    tags                       = { team = "platform" }

    packages = {
      scheduler  = "tests/fixtures/package.zip"
      lookup     = "tests/fixtures/package.zip"
      aggregator = "tests/fixtures/package.zip"
      manifest   = "tests/fixtures/manifest_python312_x86_64.json"
    }
  }

  assert {
    condition     = aws_iam_role.schedule.permissions_boundary == "arn:aws:iam::111122223333:policy/boundary"
    error_message = "The boundary must be the policy of that name in this account."
  }

  assert {
    condition     = aws_iam_role.schedule.path == "/platform/"
    error_message = "Roles must have the path."
  }

  assert {
    condition     = aws_iam_policy.read_only[0].path == "/platform/" && aws_iam_policy.operator[0].path == "/platform/"
    error_message = "The policies for people must have the path."
  }

  assert {
    condition     = !aws_dynamodb_table.this.deletion_protection_enabled
    error_message = "The table must have no deletion protection if that is set."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.lookups.scaling_config[0].maximum_concurrency == 50
    error_message = "The mapping must limit the concurrency of the lookups."
  }

  assert {
    condition     = aws_scheduler_schedule.round.schedule_expression == "rate(6 hours)"
    error_message = "The schedule must be the given one."
  }

  # CloudWatch evaluates at most a day with periods of minutes, and a longer time only with hours.
  assert {
    condition = alltrue([
      for alarm in values(aws_cloudwatch_metric_alarm.this) :
      alarm.period * alarm.evaluation_periods <= (alarm.period < 3600 ? 86400 : 604800)
    ])
    error_message = "CloudWatch would refuse an alarm with a longer evaluation range."
  }

  assert {
    condition     = alltrue([for resource in [aws_dynamodb_table.this, aws_sqs_queue.lookups, aws_iam_role.schedule] : resource.tags.team == "platform"])
    error_message = "All resources that support tags must have them."
  }
}

run "an_alarm_of_a_week" {
  command = plan

  variables {
    schedule_expression = "rate(3 days)"
    round_alarm_minutes = 10080
  }

  assert {
    condition = alltrue([
      for alarm in values(aws_cloudwatch_metric_alarm.this) :
      alarm.period * alarm.evaluation_periods <= (alarm.period < 3600 ? 86400 : 604800)
    ])
    error_message = "CloudWatch would refuse an alarm with a longer evaluation range."
  }
}

run "policies_for_people_are_optional" {
  command = plan

  variables {
    create_access_policies = false
  }

  assert {
    condition     = length(aws_iam_policy.read_only) + length(aws_iam_policy.operator) == 0
    error_message = "No policy must be created if create_access_policies is false."
  }

  assert {
    condition     = output.read_only_policy_arn == null && output.operator_policy_arn == null
    error_message = "The ARNs of policies that are not created must be null."
  }
}

run "without_a_site" {
  command = plan

  assert {
    condition     = length(aws_s3_bucket.site) == 0 && length(module.publisher) == 0 && output.site_bucket_name == null && !contains(keys(output.function_names), "publisher")
    error_message = "By default, there must be neither bucket nor publisher."
  }

  assert {
    condition     = !contains(output.alarm_names, "ami-tracker-site-outdated")
    error_message = "Without a site, no alarm must watch it."
  }
}

run "with_a_site" {
  command = plan

  variables {
    packages = {
      scheduler  = "tests/fixtures/package.zip"
      lookup     = "tests/fixtures/package.zip"
      aggregator = "tests/fixtures/package.zip"
      publisher  = "tests/fixtures/package.zip"
      manifest   = "tests/fixtures/manifest.json"
    }
    site = { enabled = true }
  }

  assert {
    condition     = output.site_page_uri == "s3://ami-tracker-site-111122223333-us-east-1/index.html" && output.site_feed_uri == "s3://ami-tracker-site-111122223333-us-east-1/feed/"
    error_message = "The bucket must be named after prefix, account and region."
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.site[0].block_public_acls,
      aws_s3_bucket_public_access_block.site[0].block_public_policy,
      aws_s3_bucket_public_access_block.site[0].ignore_public_acls,
      aws_s3_bucket_public_access_block.site[0].restrict_public_buckets,
    ])
    error_message = "All public access must be blocked."
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.site[0].rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    error_message = "Without a customer key, S3's key must encrypt the objects."
  }

  assert {
    condition     = aws_scheduler_schedule.site[0].schedule_expression == "rate(60 minutes)" && aws_cloudwatch_metric_alarm.this["site-outdated"].evaluation_periods == 24
    error_message = "The alarm must tolerate one run that does not take place."
  }

  assert {
    condition     = length(aws_s3_bucket_logging.site) == 0 && length(aws_iam_policy.site_reader) == 1
    error_message = "Access logs are optional, and the policy for readers follows create_access_policies."
  }
}

run "a_site_with_every_setting" {
  command = plan

  variables {
    packages = {
      scheduler  = "tests/fixtures/package.zip"
      lookup     = "tests/fixtures/package.zip"
      aggregator = "tests/fixtures/package.zip"
      publisher  = "tests/fixtures/package.zip"
      manifest   = "tests/fixtures/manifest.json"
    }
    kms_key_arn            = "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-0000-0000-000000000000"
    create_access_policies = false
    site = {
      enabled           = true
      interval_minutes  = 1440
      bucket_name       = "images-of-the-company"
      key_prefix        = "team/"
      lag_hours         = 24
      releases          = 5
      memory_mb         = 2048
      old_versions_days = 7
      access_log_bucket = "access-logs"
      bucket_policy     = jsonencode({ Version = "2012-10-17", Statement = [] })
    }
  }

  assert {
    condition     = output.site_page_uri == "s3://images-of-the-company/team/index.html" && output.site_feed_uri == "s3://images-of-the-company/team/feed/"
    error_message = "All keys must have the prefix."
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.site[0].rule).apply_server_side_encryption_by_default).kms_master_key_id == var.kms_key_arn && one(aws_s3_bucket_server_side_encryption_configuration.site[0].rule).bucket_key_enabled
    error_message = "The customer key must encrypt the objects, with a bucket key, which reduces the calls to KMS."
  }

  # CloudWatch evaluates at most a day with periods of minutes, and a week with periods of an hour.
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["site-outdated"].period == 3600 && aws_cloudwatch_metric_alarm.this["site-outdated"].evaluation_periods == 48
    error_message = "The alarm must tolerate one run that does not take place."
  }

  assert {
    condition     = aws_s3_bucket_logging.site[0].target_bucket == "access-logs" && one(one(aws_s3_bucket_lifecycle_configuration.site[0].rule).noncurrent_version_expiration).noncurrent_days == 7
    error_message = "The bucket for access logs and the lifetime of replaced versions must be the given ones."
  }

  assert {
    condition     = length(aws_iam_policy.site_reader) == 0
    error_message = "Without access policies, there must be none for readers."
  }
}
