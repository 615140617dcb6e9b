# --- Function

module "lookup" {
  source = "./modules/function"

  name            = local.lookup_name
  description     = "Looks up the current image of each requested pair and commits changes."
  package         = var.packages.lookup
  handler         = "services.lookup.handler.handler"
  runtime         = var.runtime
  architecture    = var.architecture
  memory_mb       = var.lookup_memory_mb
  timeout_seconds = local.lookup_timeout_seconds
  policy          = data.aws_iam_policy_document.lookup.json
  assumes         = [for id in local.target_accounts : "arn:${local.partition}:iam::${id}:role${var.role_path}${local.read_role_name}"]

  environment = merge(
    {
      TABLE_NAME        = aws_dynamodb_table.this.name
      READ_ROLE_NAME    = "${local.path_in_names}${local.read_role_name}"
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

data "aws_iam_policy_document" "lookup" {
  source_policy_documents = [data.aws_iam_policy_document.encrypted_table.json]

  # IAM authorises a transaction by its items, here a put and an update.
  statement {
    sid = "CommitObservations"
    actions = [
      "dynamodb:BatchGetItem",
      "dynamodb:PutItem",
      "dynamodb:Query",
      "dynamodb:UpdateItem",
    ]
    resources = [local.table_arn]
  }

  # Used by the event source mapping, with the function's role.
  statement {
    sid = "TakeRequests"
    actions = [
      "sqs:DeleteMessage",
      "sqs:GetQueueAttributes",
      "sqs:ReceiveMessage",
    ]
    resources = [local.queue_arn]
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      sid       = "DecryptRequests"
      actions   = ["kms:Decrypt"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["sqs.${local.region}.${local.dns_suffix}"]
      }
    }
  }
}

# --- Queue

resource "aws_sqs_queue" "lookups" {
  name                       = local.queue_name
  visibility_timeout_seconds = local.lookup_visibility_seconds
  message_retention_seconds  = local.queue_retention_seconds
  policy                     = data.aws_iam_policy_document.queue_over_tls["lookups"].json

  redrive_policy = jsonencode({
    deadLetterTargetArn = local.dead_letters_arn
    maxReceiveCount     = local.max_receive_count
  })

  kms_master_key_id       = var.kms_key_arn
  sqs_managed_sse_enabled = var.kms_key_arn == null ? true : null

  tags = var.tags

  # SQS refuses a redrive policy without a queue.
  depends_on = [aws_sqs_queue.dead_letters]
}

resource "aws_sqs_queue" "dead_letters" {
  name                      = local.dead_letters_name
  message_retention_seconds = local.dead_letters_retention_seconds
  policy                    = data.aws_iam_policy_document.queue_over_tls["dead_letters"].json

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [local.queue_arn]
  })

  kms_master_key_id       = var.kms_key_arn
  sqs_managed_sse_enabled = var.kms_key_arn == null ? true : null

  tags = var.tags
}

# The roles' policies grant access to the queues.
data "aws_iam_policy_document" "queue_over_tls" {
  for_each = {
    lookups               = local.queue_arn
    dead_letters          = local.dead_letters_arn
    schedule_dead_letters = local.schedule_dead_letters_arn
  }

  statement {
    sid       = "DenyWithoutTls"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [each.value]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_lambda_event_source_mapping" "lookups" {
  event_source_arn = aws_sqs_queue.lookups.arn
  function_name    = module.lookup.arn

  # Large batches contain more lookups of the same target, which share API calls. The limit of 6 MB
  # allows five times as many messages.
  batch_size                         = 1000
  maximum_batching_window_in_seconds = 2
  function_response_types            = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = var.lookup_maximum_concurrency
  }

  tags = var.tags

  # Lambda refuses a mapping if the function has no permission to read the source.
  depends_on = [module.lookup]
}
