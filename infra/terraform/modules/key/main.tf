data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.id
  account_id = data.aws_caller_identity.current.account_id
}

# Queues, table, schedules and environments use the key with the hub's roles, whose policies allow it.
# Two services use the key without a role.
data "aws_iam_policy_document" "this" {
  # checkov:skip=CKV_AWS_109:This statement enables the account's IAM policies; without it a key can become unmanageable.
  # checkov:skip=CKV_AWS_111:As above; the resource of a key policy is the key itself.
  # checkov:skip=CKV_AWS_356:As above; the statements limit the actions.
  statement {
    sid       = "AccountDecides"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account_id}:root"]
    }
  }

  statement {
    sid       = "AlarmsPublish"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey*"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }

    condition {
      test     = "ArnEquals"
      variable = "kms:EncryptionContext:aws:sns:topicArn"
      values   = ["arn:${local.partition}:sns:${local.region}:${local.account_id}:${var.name_prefix}-alarms"]
    }
  }

  statement {
    sid = "LogsEncrypt"
    actions = [
      "kms:Decrypt*",
      "kms:Describe*",
      "kms:Encrypt*",
      "kms:GenerateDataKey*",
      "kms:ReEncrypt*",
    ]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["logs.${local.region}.${data.aws_partition.current.dns_suffix}"]
    }

    condition {
      test     = "ArnEquals"
      variable = "kms:EncryptionContext:aws:logs:arn"
      values = [
        for service in ["scheduler", "lookup", "aggregator", "publisher"] :
        "arn:${local.partition}:logs:${local.region}:${local.account_id}:log-group:/aws/lambda/${var.name_prefix}-${service}"
      ]
    }
  }
}

resource "aws_kms_key" "this" {
  description             = "Encrypts the data of the hub ${var.name_prefix}."
  policy                  = data.aws_iam_policy_document.this.json
  enable_key_rotation     = true
  deletion_window_in_days = var.deletion_window_days

  tags = var.tags

  lifecycle {
    # If only the key is removed, the hub is updated first: a table whose key is pending deletion can
    # neither be read nor be given another key.
    create_before_destroy = true
  }
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name_prefix}"
  target_key_id = aws_kms_key.this.key_id
}
