# The queue is in the region of your consumers: the region of your environment.
provider "aws" {}

# The subscription and its dead-letter queue must be in the topic's region.
# https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html
provider "aws" {
  alias  = "topic"
  region = local.topic_region
}

locals {
  topic_region = split(":", var.topic_arn)[3]
  # https://docs.aws.amazon.com/sns/latest/dg/sns-cross-region-delivery.html
  deliverer = var.topic_region_is_opt_in ? "sns.${local.topic_region}.amazonaws.com" : "sns.amazonaws.com"
}

resource "aws_sqs_queue" "this" {
  name                      = var.name
  message_retention_seconds = 14 * 24 * 60 * 60
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue_policy" "this" {
  queue_url = aws_sqs_queue.this.url
  policy    = data.aws_iam_policy_document.delivery["queue"].json
}

resource "aws_sqs_queue" "dead_letters" {
  provider = aws.topic

  name                      = "${var.name}-undelivered"
  message_retention_seconds = 14 * 24 * 60 * 60
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue_policy" "dead_letters" {
  provider = aws.topic

  queue_url = aws_sqs_queue.dead_letters.url
  policy    = data.aws_iam_policy_document.delivery["dead_letters"].json
}

# Only SNS may send, and only for this topic: anyone can subscribe your queue to a topic of theirs.
data "aws_iam_policy_document" "delivery" {
  for_each = {
    queue        = { arn = aws_sqs_queue.this.arn, deliverer = local.deliverer }
    dead_letters = { arn = aws_sqs_queue.dead_letters.arn, deliverer = "sns.amazonaws.com" }
  }

  statement {
    sid       = "DeliverEvents"
    actions   = ["sqs:SendMessage"]
    resources = [each.value.arn]

    principals {
      type        = "Service"
      identifiers = [each.value.deliverer]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [var.topic_arn]
    }
  }
}

resource "aws_sns_topic_subscription" "this" {
  provider = aws.topic

  topic_arn            = var.topic_arn
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.this.arn
  raw_message_delivery = true
  redrive_policy       = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead_letters.arn })

  filter_policy = jsonencode({
    image_name = concat(var.image_names, [for prefix in var.image_name_prefixes : { prefix = prefix }])
    kind       = var.kinds
  })

  # Events that arrive before the queue policies exist would be lost.
  depends_on = [aws_sqs_queue_policy.this, aws_sqs_queue_policy.dead_letters]

  lifecycle {
    precondition {
      condition     = length(var.image_names) + length(var.image_name_prefixes) > 0
      error_message = "Set at least one image in image_names or one prefix in image_name_prefixes."
    }
  }
}
