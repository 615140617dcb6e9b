# Image, release and round rows. The partition key is the region: every query is for one region.
resource "aws_dynamodb_table" "this" {
  # checkov:skip=CKV_AWS_119:A customer key is optional (kms_key_arn); without it, a key of AWS encrypts the table.
  name         = local.table_name
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "region"
  range_key    = "record"

  deletion_protection_enabled = var.deletion_protection

  # The aggregator reads the rows from the table; the filter of the mapping needs the new image.
  stream_enabled   = true
  stream_view_type = "NEW_IMAGE"

  attribute {
    name = "region"
    type = "S"
  }

  attribute {
    name = "record"
    type = "S"
  }

  attribute {
    name = "pending"
    type = "S"
  }

  attribute {
    name = "derive"
    type = "S"
  }

  # Sparse: it contains only releases that are pending.
  global_secondary_index {
    name            = local.pending_index
    hash_key        = "pending"
    range_key       = "record"
    projection_type = "KEYS_ONLY"
  }

  # Sparse, and not used yet: rows whose roll-out row and bus event are not written yet.
  global_secondary_index {
    name            = "derive"
    hash_key        = "derive"
    range_key       = "record"
    projection_type = "KEYS_ONLY"
  }

  point_in_time_recovery {
    enabled = true
  }

  # Also set without a key: if the block is removed, the table keeps its previous key.
  # https://github.com/hashicorp/terraform-provider-aws/issues/29811
  server_side_encryption {
    enabled     = var.kms_key_arn != null
    kms_key_arn = var.kms_key_arn
  }

  tags = var.tags

  lifecycle {
    precondition {
      condition     = var.kms_key_arn == null || try(split(":", var.kms_key_arn)[3] == local.region, false)
      error_message = "kms_key_arn must be a key in the hub's region, ${local.region}."
    }
  }
}

# The key permissions that each function needs; DynamoDB calls KMS with the function's credentials.
data "aws_iam_policy_document" "encrypted_table" {
  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      sid = "UseTableKey"
      actions = [
        "kms:Decrypt",
        "kms:DescribeKey",
        "kms:Encrypt",
        "kms:GenerateDataKey*",
        "kms:ReEncrypt*",
      ]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["dynamodb.${local.region}.${local.dns_suffix}"]
      }
    }
  }
}
