# Policies for people who use the commands of ami-tracker, to attach to their roles. A managed policy
# has no permissions boundary; the boundary of the role to which it is attached applies.

# --- Read-only: status, history, rollout, coverage, pending

data "aws_iam_policy_document" "read_only" {
  statement {
    sid       = "ReadRows"
    actions   = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"]
    resources = [local.table_arn]
  }

  # A scan: a region that was removed from regions.yaml can have pending releases, which a query for
  # each configured region would miss.
  statement {
    sid       = "FindPendingReleases"
    actions   = ["dynamodb:Scan"]
    resources = ["${local.table_arn}/index/${local.pending_index}"]
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      sid       = "DecryptRows"
      actions   = ["kms:Decrypt", "kms:DescribeKey"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["dynamodb.${local.region}.${local.dns_suffix}"]
      }
    }
  }
}

# The description cannot be changed without replacing the policy, which fails while it is attached.
resource "aws_iam_policy" "read_only" {
  count = var.create_access_policies ? 1 : 0

  name        = "${var.name_prefix}-read-only"
  path        = var.role_path
  description = "Reads the table of ${var.name_prefix}."
  policy      = data.aws_iam_policy_document.read_only.json

  tags = var.tags
}

# --- Operator: read-only, and replay, redrive, a round by hand

data "aws_iam_policy_document" "operator" {
  source_policy_documents = [data.aws_iam_policy_document.read_only.json]

  # The aggregator publishes a replay, so no person needs sns:Publish. The scheduler starts a round.
  statement {
    sid     = "ReplayAndStartRounds"
    actions = ["lambda:InvokeFunction"]
    resources = [
      "${local.lambda_arn_prefix}:${local.aggregator_name}",
      "${local.lambda_arn_prefix}:${local.scheduler_name}",
    ]
  }

  statement {
    sid = "ReadAndPurgeDeadLetters"
    actions = [
      "sqs:GetQueueAttributes",
      "sqs:GetQueueUrl",
      "sqs:PurgeQueue",
      "sqs:ReceiveMessage",
    ]
    resources = [local.dead_letters_arn, local.schedule_dead_letters_arn]
  }

  # SQS moves messages with the caller's permissions, and only from dead-letter queues of queues:
  # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
  statement {
    sid = "MoveDeadLetters"
    actions = [
      "sqs:CancelMessageMoveTask",
      "sqs:DeleteMessage",
      "sqs:ListMessageMoveTasks",
      "sqs:StartMessageMoveTask",
    ]
    resources = [local.dead_letters_arn]
  }

  statement {
    sid       = "MoveToRequests"
    actions   = ["sqs:SendMessage"]
    resources = [local.queue_arn]
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      sid       = "UseQueueKey"
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

resource "aws_iam_policy" "operator" {
  count = var.create_access_policies ? 1 : 0

  name        = "${var.name_prefix}-operator"
  path        = var.role_path
  description = "Operates ${var.name_prefix}: reads, replays, moves dead letters, starts rounds."
  policy      = data.aws_iam_policy_document.operator.json

  tags = var.tags
}
