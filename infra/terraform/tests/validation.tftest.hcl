# Values that the module refuses. A run passes only if exactly the listed variables are refused.

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

run "takes_the_defaults" {
  command = plan
}

run "takes_the_limits" {
  command = plan

  variables {
    name_prefix                         = "a2345678901234567890123456789012"
    external_id                         = "+="
    previous_external_ids               = ["_.@:/-"]
    schedule_expression                 = "cron(0/10 * * * ? *)"
    max_removed_percent                 = 100
    parameter_paths                     = ["/golden/*", "/a.b/c-d_e"]
    shared_parameter_arns               = ["arn:aws:ssm:eu-west-1:333344445555:parameter/golden/*", "arn:aws:ssm:eu-west-1:333344445555:parameter/a.b/c-d_e"]
    stack_set_failure_tolerance_percent = 100
    stack_set_region_order              = ["us-east-1", "eu-west-1"]
    runtime                             = "python3.11"
    architecture                        = "x86_64"
    ca_bundle                           = "/opt/ca.pem"
    lookup_memory_mb                    = 10240
    lookup_maximum_concurrency          = 2
    log_retention_days                  = 3653
    round_alarm_minutes                 = 10080
    subscriber_account_ids              = ["012345678901"]
    permissions_boundary                = "a/b.c/team_boundary+=,.@-"
    role_path                           = "/p23456789/p23456789/p23456789/p2345678/"
    alarm_emails                        = ["a.b+c@mail.example.com"]

    packages = {
      scheduler  = "tests/fixtures/package.zip"
      lookup     = "tests/fixtures/package.zip"
      aggregator = "tests/fixtures/package.zip"
      manifest   = "tests/fixtures/manifest_python311_x86_64.json"
    }

    images_never_found_threshold = 1000
    pairs_failing_percent        = { throttling = 0, access = 100, image = 0.5, other = 100 }
    pairs_stale_percent          = 100
    targets_failing_threshold    = 1000
    rows_unreadable_threshold    = 1000

    site = { interval_minutes = 15, bucket_name = "a-b.c", key_prefix = "a/b-c_d.e/", lag_hours = 1, releases = 100, memory_mb = 256, old_versions_days = 1 }
  }
}

run "refuses_malformed_values" {
  command = plan

  variables {
    name_prefix                       = "Ami_Tracker"
    external_id                       = "one,two"
    previous_external_ids             = ["fine", "with space"]
    regions_file                      = "tests/fixtures/absent.yaml"
    schedule_expression               = "every hour"
    parameter_paths                   = ["golden/*"]
    shared_parameter_arns             = ["/golden/*"]
    runtime                           = "nodejs22.x"
    architecture                      = "arm"
    organization_id                   = "123456789012"
    subscriber_account_ids            = ["12345678901"]
    permissions_boundary              = "arn:aws:iam::111122223333:role/boundary"
    role_path                         = "platform/"
    stack_set_model                   = "self_managed"
    organizational_unit_ids           = ["platform"]
    stack_set_call_as                 = "MANAGEMENT"
    stack_set_administration_role_arn = "administration"
    stack_set_execution_role_name     = "arn:aws:iam::111122223333:role/execution"
    kms_key_arn                       = "arn:aws:kms:us-east-1:111122223333:alias/hub"
    table_name                        = "arn:aws:dynamodb:us-east-1:111122223333:table/ami-tracker"
    alarm_emails                      = ["no-at-sign"]
    alarm_topic_arn                   = "arn:aws:sns:us-east-1:111122223333:alarms.fifo"
    alarm_topic_arns                  = ["arn:aws:sns:us-east-1:111122223333:alarms", "alarms"]
    packages = {
      scheduler  = "tests/fixtures/package.zip"
      lookup     = "tests/fixtures/absent.zip"
      aggregator = "tests/fixtures/package.zip"
      manifest   = "tests/fixtures/manifest.json"
    }
    site = { bucket_name = "Images", key_prefix = "/images", access_log_bucket = "arn:aws:s3:::logs", bucket_policy = "[]" }
  }

  expect_failures = [
    var.name_prefix,
    var.external_id,
    var.previous_external_ids,
    var.regions_file,
    var.schedule_expression,
    var.parameter_paths,
    var.shared_parameter_arns,
    var.runtime,
    var.architecture,
    var.organization_id,
    var.subscriber_account_ids,
    var.permissions_boundary,
    var.role_path,
    var.stack_set_model,
    var.organizational_unit_ids,
    var.stack_set_call_as,
    var.stack_set_administration_role_arn,
    var.stack_set_execution_role_name,
    var.kms_key_arn,
    var.table_name,
    var.alarm_emails,
    var.alarm_topic_arn,
    var.alarm_topic_arns,
    var.packages,
    var.site,
  ]
}

run "refuses_numbers_that_are_too_small" {
  command = plan

  variables {
    name_prefix                         = "ab"
    external_id                         = "x"
    max_removed_percent                 = -1
    stack_set_failure_tolerance_percent = -1
    lookup_memory_mb                    = 255
    lookup_maximum_concurrency          = 1
    log_retention_days                  = 0
    round_alarm_minutes                 = 14
    schedule_expression                 = "rate(0 minutes)"

    images_never_found_threshold = -1
    pairs_failing_percent        = { other = -1 }
    pairs_stale_percent          = -1
    targets_failing_threshold    = -1
    rows_unreadable_threshold    = -1

    site = { interval_minutes = 14, lag_hours = 0, releases = 0, memory_mb = 128, old_versions_days = 0 }
  }

  expect_failures = [
    var.name_prefix,
    var.external_id,
    var.max_removed_percent,
    var.stack_set_failure_tolerance_percent,
    var.lookup_memory_mb,
    var.lookup_maximum_concurrency,
    var.log_retention_days,
    var.round_alarm_minutes,
    var.schedule_expression,
    var.images_never_found_threshold,
    var.pairs_failing_percent,
    var.pairs_stale_percent,
    var.targets_failing_threshold,
    var.rows_unreadable_threshold,
    var.site,
  ]
}

run "refuses_numbers_that_are_too_large_and_paths_that_are_too_broad" {
  command = plan

  variables {
    name_prefix                         = "a23456789012345678901234567890123"
    max_removed_percent                 = 101
    stack_set_failure_tolerance_percent = 101
    lookup_memory_mb                    = 10241
    lookup_maximum_concurrency          = 1001
    log_retention_days                  = 3654
    round_alarm_minutes                 = 10081
    parameter_paths                     = ["/*"]
    shared_parameter_arns               = ["arn:aws:ssm:eu-west-1:333344445555:parameter/*"]
    role_path                           = "/p23456789/p23456789/p23456789/p23456789/"
    subscriber_account_ids              = [for number in range(316) : format("%012d", number)]
    pairs_failing_percent               = { image = 101 }
    pairs_stale_percent                 = 101
    site                                = { interval_minutes = 1441, lag_hours = 8761, releases = 101, memory_mb = 10241 }
  }

  expect_failures = [
    var.name_prefix,
    var.max_removed_percent,
    var.stack_set_failure_tolerance_percent,
    var.lookup_memory_mb,
    var.lookup_maximum_concurrency,
    var.log_retention_days,
    var.round_alarm_minutes,
    var.parameter_paths,
    var.shared_parameter_arns,
    var.role_path,
    var.subscriber_account_ids,
    var.pairs_failing_percent,
    var.pairs_stale_percent,
    var.site,
  ]
}

run "refuses_fractions" {
  command = plan

  variables {
    parameter_paths                     = ["/golden/web*"]
    shared_parameter_arns               = ["arn:aws:ssm:*:333344445555:parameter/golden"]
    name_prefix                         = "ami-tracker-"
    max_removed_percent                 = 12.5
    stack_set_failure_tolerance_percent = 0.5
    stack_set_region_order              = ["eu-west-1", "us-east-1", "eu-west-1"]
    lookup_memory_mb                    = 512.5
    lookup_maximum_concurrency          = 2.5
    log_retention_days                  = 8
    round_alarm_minutes                 = 90.5

    images_never_found_threshold = 0.5
    targets_failing_threshold    = 0.5
    rows_unreadable_threshold    = 0.5

    site = { interval_minutes = 15.5, lag_hours = 1.5, releases = 1.5, memory_mb = 512.5, old_versions_days = 1.5 }
  }

  expect_failures = [
    var.parameter_paths,
    var.shared_parameter_arns,
    var.name_prefix,
    var.max_removed_percent,
    var.stack_set_failure_tolerance_percent,
    var.stack_set_region_order,
    var.lookup_memory_mb,
    var.lookup_maximum_concurrency,
    var.log_retention_days,
    var.round_alarm_minutes,
    var.images_never_found_threshold,
    var.targets_failing_threshold,
    var.rows_unreadable_threshold,
    var.site,
  ]
}

# --- Rules for several variables

run "refuses_a_site_without_its_package" {
  command = plan

  variables {
    site = { enabled = true }
  }

  expect_failures = [data.aws_caller_identity.current]
}

run "refuses_a_name_that_is_too_long_for_a_bucket" {
  command = plan

  variables {
    name_prefix = "a2345678901234567890123456789012"
    packages = {
      scheduler  = "tests/fixtures/package.zip"
      lookup     = "tests/fixtures/package.zip"
      aggregator = "tests/fixtures/package.zip"
      publisher  = "tests/fixtures/package.zip"
      manifest   = "tests/fixtures/manifest.json"
    }
    site = { enabled = true }
  }

  override_data {
    target = data.aws_region.current
    values = { id = "ap-southeast-1" }
  }

  expect_failures = [aws_s3_bucket.site]
}

run "refuses_an_alarm_for_a_single_failed_round" {
  command = plan

  variables {
    schedule_expression = "rate(1 hour)"
    round_alarm_minutes = 119
  }

  expect_failures = [data.aws_caller_identity.current]
}

run "takes_an_alarm_after_two_rounds" {
  command = plan

  variables {
    schedule_expression = "rate(1 hour)"
    round_alarm_minutes = 120
  }
}

run "takes_the_shortest_rate" {
  command = plan

  variables {
    schedule_expression = "rate(5 minutes)"
  }
}

run "refuses_a_rate_below_the_time_out" {
  command = plan

  variables {
    schedule_expression = "rate(4 minutes)"
  }

  expect_failures = [data.aws_caller_identity.current]
}

run "takes_a_topic_and_more_topics" {
  command = plan

  variables {
    alarm_topic_arn  = "arn:aws:sns:us-east-1:111122223333:first"
    alarm_topic_arns = [for number in range(4) : "arn:aws:sns:us-east-1:111122223333:more-${number}"]
  }

  assert {
    condition     = length(aws_sns_topic.alarms) == 0 && alltrue([for alarm in aws_cloudwatch_metric_alarm.shares : length(alarm.alarm_actions) == 5])
    error_message = "Every alarm must be sent to all given topics, and no topic must be created."
  }
}

run "refuses_more_topics_than_an_alarm_supports" {
  command = plan

  variables {
    alarm_topic_arns = [for number in range(6) : "arn:aws:sns:us-east-1:111122223333:more-${number}"]
  }

  expect_failures = [data.aws_caller_identity.current]
}

run "refuses_addresses_for_a_given_topic" {
  command = plan

  variables {
    alarm_emails    = ["team@example.com"]
    alarm_topic_arn = "arn:aws:sns:us-east-1:111122223333:alarms"
  }

  expect_failures = [data.aws_caller_identity.current]
}

run "takes_a_boundary_of_the_hub_by_its_arn" {
  command = plan

  variables {
    permissions_boundary = "arn:aws:iam::111122223333:policy/boundaries/team"
  }

  assert {
    condition     = output.member_roles_parameters.PermissionsBoundary == "boundaries/team"
    error_message = "Members must use the policy of the same path and name."
  }
}

run "takes_a_boundary_of_aws" {
  command = plan

  variables {
    permissions_boundary = "arn:aws:iam::aws:policy/PowerUserAccess"
  }

  assert {
    condition     = aws_iam_role.schedule.permissions_boundary == output.member_roles_parameters.PermissionsBoundary
    error_message = "A policy of AWS must be the same in every account."
  }
}

run "refuses_a_boundary_of_another_account" {
  command = plan

  variables {
    permissions_boundary = "arn:aws:iam::999900001111:policy/team"
  }

  expect_failures = [data.aws_caller_identity.current]
}

run "refuses_a_key_of_another_region" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000000"
  }

  expect_failures = [aws_dynamodb_table.this]
}

run "refuses_external_ids_that_are_too_long_for_a_trust_policy" {
  command = plan

  variables {
    external_id           = join("", [for number in range(1000) : "a"])
    previous_external_ids = [join("", [for number in range(1000) : "b"])]
  }

  expect_failures = [data.aws_caller_identity.current]
}

run "refuses_parameter_paths_that_are_too_long_for_a_policy" {
  command = plan

  variables {
    parameter_paths = [for number in range(90) : "/golden/images/${format("%05d", number)}"]
  }

  expect_failures = [var.parameter_paths]
}

# 65 ARNs of 60 characters.
run "takes_the_most_shared_parameters" {
  command = plan

  variables {
    shared_parameter_arns = [for number in range(65) : "arn:aws:ssm:eu-west-1:333344445555:parameter/golden/${format("%08d", number)}"]
  }
}

run "refuses_shared_parameters_that_are_too_long_for_a_policy" {
  command = plan

  variables {
    shared_parameter_arns = [for number in range(66) : "arn:aws:ssm:eu-west-1:333344445555:parameter/golden/${format("%08d", number)}"]
  }

  expect_failures = [var.shared_parameter_arns]
}

run "refuses_parameters_that_are_too_long_together" {
  command = plan

  variables {
    parameter_paths       = ["/golden/*"]
    shared_parameter_arns = [for number in range(65) : "arn:aws:ssm:eu-west-1:333344445555:parameter/golden/${format("%08d", number)}"]
  }

  expect_failures = [data.aws_caller_identity.current]
}

run "refuses_shared_parameters_of_another_partition" {
  command = plan

  variables {
    shared_parameter_arns = ["arn:aws-cn:ssm:cn-north-1:333344445555:parameter/golden/*"]
  }

  expect_failures = [data.aws_caller_identity.current]
}

run "refuses_certificates_without_an_absolute_path" {
  command = plan

  variables {
    ca_bundle = "cacert.pem"
  }

  expect_failures = [var.ca_bundle]
}
