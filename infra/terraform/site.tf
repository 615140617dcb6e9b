# The report page and the feed: a function writes them to a private bucket on a schedule. Everything
# here exists only with site.enabled.

locals {
  publisher_name            = "${var.name_prefix}-publisher"
  publisher_timeout_seconds = 300

  # One element if the site is enabled. packages.tf refuses a site without its package.
  site = var.site.enabled && var.packages.publisher != null ? [var.site] : []

  site_bucket_name = coalesce(var.site.bucket_name, "${var.name_prefix}-site-${local.account_id}-${local.region}")
  site_bucket_arn  = "arn:${local.partition}:s3:::${local.site_bucket_name}"
  site_feed        = "${var.site.key_prefix}feed/" # as in services/publisher/site.py
}

# --- Function

module "publisher" {
  source = "./modules/function"
  count  = length(local.site)

  name            = local.publisher_name
  description     = "Writes the report page and the feed to the bucket of the site."
  package         = var.packages.publisher
  handler         = "services.publisher.handler.handler"
  runtime         = var.runtime
  architecture    = var.architecture
  memory_mb       = var.site.memory_mb
  timeout_seconds = local.publisher_timeout_seconds
  policy          = data.aws_iam_policy_document.publisher.json

  # A delayed run must not overlap with the next one.
  maximum_event_age_seconds = 300

  environment = merge(
    {
      TABLE_NAME  = aws_dynamodb_table.this.name
      BUCKET_NAME = local.site_bucket_name
      LAG_HOURS   = tostring(var.site.lag_hours)
      RELEASES    = tostring(var.site.releases)
    },
    var.site.key_prefix == "" ? {} : { PREFIX = var.site.key_prefix },
    local.sdk_settings,
  )

  kms_key_arn              = var.kms_key_arn
  role_path                = var.role_path
  permissions_boundary_arn = local.permissions_boundary_arn
  log_retention_days       = var.log_retention_days
  tags                     = var.tags
}

data "aws_iam_policy_document" "publisher" {
  # Reads the table with the statements of the policy for people who read it.
  source_policy_documents = [data.aws_iam_policy_document.read_only.json]

  statement {
    sid       = "ListFeed"
    actions   = ["s3:ListBucket"]
    resources = [local.site_bucket_arn]

    condition {
      test     = "StringEquals"
      variable = "s3:prefix"
      values   = [local.site_feed]
    }
  }

  statement {
    sid     = "WriteSite"
    actions = ["s3:PutObject"]
    resources = [
      "${local.site_bucket_arn}/${var.site.key_prefix}index.html",
      "${local.site_bucket_arn}/${local.site_feed}*",
    ]
  }

  statement {
    sid       = "DeleteFeedFiles"
    actions   = ["s3:DeleteObject"]
    resources = ["${local.site_bucket_arn}/${local.site_feed}*"]
  }

  # The record of the last run, and the index, for the entries of pairs that cannot be read.
  statement {
    sid     = "ReadLastRun"
    actions = ["s3:GetObject"]
    resources = [
      "${local.site_bucket_arn}/${local.site_feed}.published.json",
      "${local.site_bucket_arn}/${local.site_feed}index.json",
    ]
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      sid       = "UseSiteKey"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["s3.${local.region}.${local.dns_suffix}"]
      }
    }
  }
}

# --- Schedule

resource "aws_scheduler_schedule" "site" {
  # checkov:skip=CKV_AWS_297:A customer key is optional (kms_key_arn); the schedule's input is not secret.
  count = length(local.site)

  name                = "${var.name_prefix}-site"
  description         = "Writes the report page and the feed."
  schedule_expression = "rate(${var.site.interval_minutes} minutes)"
  kms_key_arn         = var.kms_key_arn

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = module.publisher[0].arn
    role_arn = aws_iam_role.schedule.arn
    input    = jsonencode({ publish = true })

    dead_letter_config {
      arn = aws_sqs_queue.schedule_dead_letters.arn
    }

    # Less than the shortest interval, so runs do not overlap.
    retry_policy {
      maximum_event_age_in_seconds = 300
      maximum_retry_attempts       = 2
    }
  }

  # Otherwise an early event fails because the role has no permission to invoke yet.
  depends_on = [aws_iam_role_policy.schedule]
}

# --- Bucket

resource "aws_s3_bucket" "site" {
  # checkov:skip=CKV_AWS_144:The content is made from the table; a copy in another region protects nothing.
  # checkov:skip=CKV2_AWS_62:No other service needs to know of new objects; the releases are announced over SNS.
  # checkov:skip=CKV_AWS_18:A bucket for access logs is optional (site.access_log_bucket).
  # checkov:skip=CKV_AWS_145:A customer key is optional (kms_key_arn); without it, a key of S3 encrypts the objects.
  count = length(local.site)

  bucket = local.site_bucket_name

  # All content is made from the table, and can be made again.
  force_destroy = true

  tags = var.tags

  lifecycle {
    precondition {
      condition     = length(local.site_bucket_name) <= 63
      error_message = "The bucket's name, ${local.site_bucket_name}, has more than 63 characters: set site.bucket_name."
    }
  }
}

resource "aws_s3_bucket_public_access_block" "site" {
  count = length(local.site)

  bucket                  = aws_s3_bucket.site[0].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "site" {
  count = length(local.site)

  bucket = aws_s3_bucket.site[0].id

  rule {
    object_ownership = "BucketOwnerEnforced" # no ACLs
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "site" {
  count = length(local.site)

  bucket = aws_s3_bucket.site[0].id

  rule {
    bucket_key_enabled = var.kms_key_arn != null

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_versioning" "site" {
  count = length(local.site)

  bucket = aws_s3_bucket.site[0].id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "site" {
  count = length(local.site)

  bucket = aws_s3_bucket.site[0].id

  rule {
    id     = "old-versions"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.site.old_versions_days
    }

    # The marker of a deleted file, when it has no versions left.
    expiration {
      expired_object_delete_marker = true
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }

  # S3 refuses rules for old versions in a bucket without versioning.
  depends_on = [aws_s3_bucket_versioning.site]
}

data "aws_iam_policy_document" "site_bucket" {
  source_policy_documents = compact([var.site.bucket_policy])

  statement {
    sid       = "DenyWithoutTls"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [local.site_bucket_arn, "${local.site_bucket_arn}/*"]

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

resource "aws_s3_bucket_policy" "site" {
  count = length(local.site)

  bucket = aws_s3_bucket.site[0].id
  policy = data.aws_iam_policy_document.site_bucket.json

  # Before the block, S3 would accept a policy that makes the bucket public.
  depends_on = [aws_s3_bucket_public_access_block.site]
}

resource "aws_s3_bucket_logging" "site" {
  count = var.site.enabled && var.site.access_log_bucket != null ? 1 : 0

  bucket        = aws_s3_bucket.site[0].id
  target_bucket = var.site.access_log_bucket
  target_prefix = "${local.site_bucket_name}/"
}

# --- People who read the page, and tools that read the feed

data "aws_iam_policy_document" "site_reader" {
  statement {
    sid       = "ListSite"
    actions   = ["s3:ListBucket"]
    resources = [local.site_bucket_arn]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["${var.site.key_prefix}*"]
    }
  }

  statement {
    sid       = "ReadSite"
    actions   = ["s3:GetObject"]
    resources = ["${local.site_bucket_arn}/${var.site.key_prefix}*"]
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      sid       = "DecryptSite"
      actions   = ["kms:Decrypt"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["s3.${local.region}.${local.dns_suffix}"]
      }
    }
  }
}

resource "aws_iam_policy" "site_reader" {
  count = var.site.enabled && var.create_access_policies ? 1 : 0

  name        = "${var.name_prefix}-site-reader"
  path        = var.role_path
  description = "Reads the report page and the feed of ${var.name_prefix}."
  policy      = data.aws_iam_policy_document.site_reader.json

  tags = var.tags
}
