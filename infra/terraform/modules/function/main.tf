data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  log_group_name = "/aws/lambda/${var.name}"
  log_group_arn = join(":", [
    "arn", data.aws_partition.current.partition, "logs", data.aws_region.current.id,
    data.aws_caller_identity.current.account_id, "log-group", local.log_group_name,
  ])

  # Limits: 10,240 characters for a role's inline policies, 6,144 for a managed policy. Either can
  # contain 50 ARNs.
  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
  assumed = chunklist(var.assumes, 50)
}

# --- Function

resource "aws_lambda_function" "this" {
  # checkov:skip=CKV_AWS_50:No tracing: the packages do not contain the X-Ray SDK, whose import takes half a second.
  # checkov:skip=CKV_AWS_115:Reserved concurrency reduces the account's concurrency; the mapping of the lookups limits theirs without it.
  # checkov:skip=CKV_AWS_116:No event is lost: the next round, sweep or delivery repeats failed work.
  # checkov:skip=CKV_AWS_117:The functions call only public AWS endpoints in all regions; a VPC would need a NAT gateway.
  # checkov:skip=CKV_AWS_173:A customer key is optional (kms_key_arn); without it, a key of AWS encrypts the environment.
  # checkov:skip=CKV_AWS_272:Packages are built reproducibly from locked, hashed requirements, and named by their digest.
  function_name    = var.name
  description      = var.description
  role             = aws_iam_role.this.arn
  filename         = var.package
  source_code_hash = filebase64sha256(var.package)
  handler          = var.handler
  runtime          = var.runtime
  architectures    = [var.architecture]
  memory_size      = var.memory_mb
  timeout          = var.timeout_seconds
  kms_key_arn      = var.kms_key_arn

  environment {
    variables = var.environment
  }

  # The functions log one JSON object per line; with this format, Lambda does too.
  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.this.name
  }

  tags = var.tags

  depends_on = [aws_iam_role_policy.this]
}

# Lambda does not retry failed events and discards old ones: the next round or sweep repeats the work.
resource "aws_lambda_function_event_invoke_config" "this" {
  function_name                = aws_lambda_function.this.function_name
  maximum_retry_attempts       = 0
  maximum_event_age_in_seconds = var.maximum_event_age_seconds
}

# --- Log

resource "aws_cloudwatch_log_group" "this" {
  # checkov:skip=CKV_AWS_158:A customer key is optional (kms_key_arn); without it, a key of CloudWatch encrypts the log.
  # checkov:skip=CKV_AWS_338:The retention is configurable; the default is one year.
  name              = local.log_group_name
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn

  tags = var.tags
}

# --- Role

data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "LambdaAssumes"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }

    # Denies functions of other accounts. The AWS documentation does not state that Lambda sends this
    # key, so a call without it is allowed; see docs/decisions/0053-lambda-source-account.md.
    condition {
      test     = "StringEqualsIfExists"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

resource "aws_iam_role" "this" {
  name                 = var.name
  path                 = var.role_path
  description          = var.description
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = var.permissions_boundary_arn

  tags = var.tags
}

data "aws_iam_policy_document" "this" {
  source_policy_documents = [var.policy]

  statement {
    sid       = "WriteLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${local.log_group_arn}:log-stream:*"]
  }

  dynamic "statement" {
    for_each = slice(local.assumed, 0, min(1, length(local.assumed)))

    content {
      sid       = "AssumeRolesElsewhere"
      actions   = ["sts:AssumeRole"]
      resources = statement.value
    }
  }
}

resource "aws_iam_role_policy" "this" {
  name   = "function"
  role   = aws_iam_role.this.name
  policy = data.aws_iam_policy_document.this.json
}

# --- Managed policies for roles that do not fit into the inline policy

data "aws_iam_policy_document" "assume_more" {
  count = max(0, length(local.assumed) - 1)

  statement {
    sid       = "AssumeRolesElsewhere"
    actions   = ["sts:AssumeRole"]
    resources = local.assumed[count.index + 1]
  }
}

resource "aws_iam_policy" "assume_more" {
  count = max(0, length(local.assumed) - 1)

  name        = "${var.name}-assume-${count.index + 2}"
  path        = var.role_path
  description = "More roles that ${var.name} may assume."
  policy      = data.aws_iam_policy_document.assume_more[count.index].json

  tags = var.tags
}

resource "aws_iam_role_policy_attachment" "assume_more" {
  count = max(0, length(local.assumed) - 1)

  role       = aws_iam_role.this.name
  policy_arn = aws_iam_policy.assume_more[count.index].arn
}
