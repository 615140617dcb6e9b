# --- Function

module "scheduler" {
  source = "./modules/function"

  name            = local.scheduler_name
  description     = "Starts a round: updates the rows from the catalogue and requests every lookup."
  package         = var.packages.scheduler
  handler         = "services.scheduler.handler.handler"
  runtime         = var.runtime
  architecture    = var.architecture
  timeout_seconds = local.scheduler_timeout_seconds
  policy          = data.aws_iam_policy_document.scheduler.json

  environment = merge(
    {
      TABLE_NAME          = aws_dynamodb_table.this.name
      QUEUE_URL           = aws_sqs_queue.lookups.url
      MAX_REMOVED_PERCENT = tostring(var.max_removed_percent)
      STALE_AFTER_MINUTES = tostring(var.round_alarm_minutes)
      METRICS_NAMESPACE   = local.metrics_namespace
    },
    local.interval_minutes > 0 ? { ROUND_INTERVAL_MINUTES = tostring(local.interval_minutes) } : {},
    local.sdk_settings,
  )

  kms_key_arn              = var.kms_key_arn
  role_path                = var.role_path
  permissions_boundary_arn = local.permissions_boundary_arn
  log_retention_days       = var.log_retention_days
  tags                     = var.tags
}

data "aws_iam_policy_document" "scheduler" {
  source_policy_documents = [data.aws_iam_policy_document.encrypted_table.json]

  statement {
    sid = "ReconcileRows"
    actions = [
      "dynamodb:BatchGetItem",
      "dynamodb:GetItem",
      "dynamodb:Query",
      "dynamodb:UpdateItem",
    ]
    resources = [local.table_arn]
  }

  statement {
    sid       = "RequestLookups"
    actions   = ["sqs:SendMessage"]
    resources = [local.queue_arn]
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      sid       = "EncryptRequests"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["sqs.${local.region}.${local.dns_suffix}"]
      }
    }
  }
}

# --- Schedule

resource "aws_scheduler_schedule" "round" {
  # checkov:skip=CKV_AWS_297:A customer key is optional (kms_key_arn); the schedule's input is not secret.
  name                = "${var.name_prefix}-round"
  description         = "Starts a round of lookups."
  schedule_expression = var.schedule_expression
  kms_key_arn         = var.kms_key_arn

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = module.scheduler.arn
    role_arn = aws_iam_role.schedule.arn
    # jsonencode would write \u003c for <, which EventBridge Scheduler does not replace.
    input = "{\"round\":\"<aws.scheduler.scheduled-time>\"}"

    dead_letter_config {
      arn = aws_sqs_queue.schedule_dead_letters.arn
    }

    # After this time, the next round is due first.
    retry_policy {
      maximum_event_age_in_seconds = 900
      maximum_retry_attempts       = 5
    }
  }

  # Otherwise an early event fails because the role has no permission to invoke yet.
  depends_on = [aws_iam_role_policy.schedule]
}

# Events for which a function could not be invoked. A function that ran and failed adds none.
resource "aws_sqs_queue" "schedule_dead_letters" {
  name                      = local.schedule_dead_letters
  message_retention_seconds = local.dead_letters_retention_seconds
  policy                    = data.aws_iam_policy_document.queue_over_tls["schedule_dead_letters"].json
  redrive_allow_policy      = jsonencode({ redrivePermission = "denyAll" })

  kms_master_key_id       = var.kms_key_arn
  sqs_managed_sse_enabled = var.kms_key_arn == null ? true : null

  tags = var.tags
}

# --- Role of the schedules: round, sweep and site

data "aws_iam_policy_document" "schedule_trust" {
  statement {
    sid     = "SchedulesAssume"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }

    # EventBridge Scheduler sends the schedule's group, not the schedule.
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = ["${local.scheduler_arn_prefix}:schedule-group/default"]
    }
  }
}

resource "aws_iam_role" "schedule" {
  name                 = local.schedule_role_name
  path                 = var.role_path
  description          = "Lets the schedules invoke the functions."
  assume_role_policy   = data.aws_iam_policy_document.schedule_trust.json
  permissions_boundary = local.permissions_boundary_arn

  tags = var.tags
}

data "aws_iam_policy_document" "schedule" {
  statement {
    sid     = "InvokeFunctions"
    actions = ["lambda:InvokeFunction"]
    resources = concat(
      ["${local.lambda_arn_prefix}:${local.scheduler_name}", "${local.lambda_arn_prefix}:${local.aggregator_name}"],
      [for each in local.site : "${local.lambda_arn_prefix}:${local.publisher_name}"],
    )
  }

  statement {
    sid       = "KeepWhatCouldNotBeInvoked"
    actions   = ["sqs:SendMessage"]
    resources = [local.schedule_dead_letters_arn]
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      sid       = "EncryptDeadLetters"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["sqs.${local.region}.${local.dns_suffix}"]
      }
    }
  }

  # EventBridge Scheduler decrypts a schedule with this role; the encryption context is the schedule.
  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      sid       = "ReadSchedules"
      actions   = ["kms:Decrypt"]
      resources = [statement.value]

      condition {
        test     = "ArnEquals"
        variable = "kms:EncryptionContext:aws:scheduler:schedule:arn"
        values = [
          for name in concat(["round", "sweep"], [for each in local.site : "site"]) :
          "${local.scheduler_arn_prefix}:schedule/default/${var.name_prefix}-${name}"
        ]
      }
    }
  }
}

resource "aws_iam_role_policy" "schedule" {
  name   = "schedule"
  role   = aws_iam_role.schedule.name
  policy = data.aws_iam_policy_document.schedule.json
}
