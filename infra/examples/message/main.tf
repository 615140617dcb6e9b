# The function and the secret are in the topic's region.
provider "aws" {
  region = split(":", var.topic_arn)[3]
}

resource "aws_sns_topic_subscription" "this" {
  topic_arn     = var.topic_arn
  protocol      = "lambda"
  endpoint      = aws_lambda_function.this.arn
  filter_policy = jsonencode({ image_name = var.image_names, kind = ["release", "rollback"] })

  depends_on = [aws_lambda_permission.this]
}

resource "aws_lambda_permission" "this" {
  statement_id  = "DeliverEvents"
  function_name = aws_lambda_function.this.function_name
  action        = "lambda:InvokeFunction"
  principal     = "sns.amazonaws.com"
  source_arn    = var.topic_arn
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_50:One short call; a trace would not contain more than its log line
  #checkov:skip=CKV_AWS_115:It runs a few times a month, and reserved concurrency would reduce the account's pool
  #checkov:skip=CKV_AWS_117:It calls only DynamoDB, Secrets Manager and one public service, over TLS, and needs no VPC
  #checkov:skip=CKV_AWS_173:Its environment names a table and a secret, and has no secrets
  #checkov:skip=CKV_AWS_272:Sign code if your account requires it; the example shows a subscription
  function_name    = var.name
  role             = aws_iam_role.this.arn
  filename         = var.package
  source_code_hash = filebase64sha256(var.package)
  handler          = "handler.handler"
  runtime          = "python3.13"
  architectures    = ["arm64"]
  timeout          = 30

  environment {
    variables = merge(
      {
        TABLE_NAME = aws_dynamodb_table.sent.name
        SERVICE    = var.service
        SECRET_ARN = var.secret_arn
      },
      var.service == "github" ? { REPOSITORY = var.repository, GITHUB_API_URL = var.github_api_url } : {},
    )
  }

  dead_letter_config {
    target_arn = aws_sqs_queue.dead_letters.arn
  }

  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy.this]

  lifecycle {
    precondition {
      condition     = (var.service == "github") == (var.repository != "")
      error_message = "Set repository if service is github, and only then."
    }
  }
}

# Ids of events that were sent, since an event can be delivered twice.
resource "aws_dynamodb_table" "sent" {
  #checkov:skip=CKV_AWS_28:Losing the table sends a message at most once too often
  #checkov:skip=CKV_AWS_119:It contains only event ids, and a key of AWS encrypts them
  name         = "${var.name}-sent"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "event_id"

  attribute {
    name = "event_id"
    type = "S"
  }

  ttl {
    attribute_name = "expires"
    enabled        = true
  }
}

resource "aws_sqs_queue" "dead_letters" {
  name                      = "${var.name}-failed"
  message_retention_seconds = 14 * 24 * 60 * 60
  sqs_managed_sse_enabled   = true
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158:It contains only event ids and answers of the service, and a key of AWS encrypts them
  name              = "/aws/lambda/${var.name}"
  retention_in_days = 365
}

resource "aws_iam_role" "this" {
  name               = var.name
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "RunAsFunction"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role_policy" "this" {
  name   = "send-messages"
  role   = aws_iam_role.this.name
  policy = data.aws_iam_policy_document.this.json
}

data "aws_iam_policy_document" "this" {
  statement {
    sid       = "ReadTheSecret"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [var.secret_arn]
  }

  statement {
    sid       = "RememberEvents"
    actions   = ["dynamodb:PutItem"]
    resources = [aws_dynamodb_table.sent.arn]
  }

  statement {
    sid       = "KeepWhatFailed"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.dead_letters.arn]
  }

  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this.arn}:*"]
  }
}
