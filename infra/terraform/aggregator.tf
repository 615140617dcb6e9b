# --- Function

module "aggregator" {
  source = "./modules/function"

  name            = local.aggregator_name
  description     = "Announces committed releases on their regions' topics."
  package         = var.packages.aggregator
  handler         = "services.aggregator.handler.handler"
  runtime         = var.runtime
  architecture    = var.architecture
  timeout_seconds = local.aggregator_timeout_seconds
  policy          = data.aws_iam_policy_document.aggregator.json
  assumes         = [for id in local.target_accounts : "arn:${local.partition}:iam::${id}:role${var.role_path}${local.publish_role_name}"]

  # A delayed sweep must not overlap with the next one.
  maximum_event_age_seconds = 60 * local.sweep_interval_minutes

  environment = merge(
    {
      TABLE_NAME        = aws_dynamodb_table.this.name
      PUBLISH_ROLE_NAME = "${local.path_in_names}${local.publish_role_name}"
      TOPIC_NAME        = local.topic_name
      EXTERNAL_ID       = var.external_id
      METRICS_NAMESPACE = local.metrics_namespace
    },
    local.sdk_settings,
  )

  kms_key_arn              = var.kms_key_arn
  role_path                = var.role_path
  permissions_boundary_arn = local.permissions_boundary_arn
  log_retention_days       = var.log_retention_days
  tags                     = var.tags
}

data "aws_iam_policy_document" "aggregator" {
  source_policy_documents = [data.aws_iam_policy_document.encrypted_table.json]

  statement {
    sid       = "MarkReleases"
    actions   = ["dynamodb:BatchGetItem", "dynamodb:UpdateItem"]
    resources = [local.table_arn]
  }

  statement {
    sid       = "FindActiveImages"
    actions   = ["dynamodb:Query"]
    resources = [local.table_arn]
  }

  statement {
    sid       = "FindPendingReleases"
    actions   = ["dynamodb:Query", "dynamodb:Scan"]
    resources = ["${local.table_arn}/index/${local.pending_index}"]
  }

  # Used by the event source mapping, with the function's role. The name of a stream is its creation time.
  statement {
    sid = "ReadStream"
    actions = [
      "dynamodb:DescribeStream",
      "dynamodb:GetRecords",
      "dynamodb:GetShardIterator",
      "dynamodb:ListStreams",
    ]
    resources = ["${local.table_arn}/stream/*"]
  }
}

# --- Stream

resource "aws_lambda_event_source_mapping" "releases" {
  event_source_arn  = aws_dynamodb_table.this.stream_arn
  function_name     = module.aggregator.arn
  starting_position = "TRIM_HORIZON"

  batch_size                     = 100
  bisect_batch_on_function_error = true
  function_response_types        = ["ReportBatchItemFailures"]

  # Limited: the sweep announces what the stream has not.
  maximum_record_age_in_seconds = 3600
  maximum_retry_attempts        = 3

  filter_criteria {
    filter {
      pattern = jsonencode({
        eventName = ["INSERT"]
        dynamodb  = { Keys = { record = { S = [{ prefix = "release#" }, { prefix = "notice#" }] } } }
      })
    }
  }

  tags = var.tags

  # Lambda refuses a mapping if the function has no permission to read the source.
  depends_on = [module.aggregator]
}

# --- Sweep

resource "aws_scheduler_schedule" "sweep" {
  # checkov:skip=CKV_AWS_297:A customer key is optional (kms_key_arn); the schedule's input is not secret.
  name                = "${var.name_prefix}-sweep"
  description         = "Announces and counts pending releases."
  schedule_expression = "rate(${local.sweep_interval_minutes} minutes)"
  kms_key_arn         = var.kms_key_arn

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = module.aggregator.arn
    role_arn = aws_iam_role.schedule.arn
    input = jsonencode({
      sweep              = true
      older_than_seconds = local.sweep_older_than_seconds
    })

    dead_letter_config {
      arn = aws_sqs_queue.schedule_dead_letters.arn
    }

    # After this time, the next sweep does the same.
    retry_policy {
      maximum_event_age_in_seconds = 60 * local.sweep_interval_minutes
      maximum_retry_attempts       = 2
    }
  }

  # Otherwise an early event fails because the role has no permission to invoke yet.
  depends_on = [aws_iam_role_policy.schedule]
}
