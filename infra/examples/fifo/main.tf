# SNS accepts a subscription only in the topic's region.
provider "aws" {
  region = split(":", var.topic_arn)[3]
}

resource "aws_sqs_queue" "this" {
  name                      = "${var.name}.fifo"
  fifo_queue                = true
  message_retention_seconds = 14 * 24 * 60 * 60
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue" "dead_letters" {
  name                      = "${var.name}-undelivered.fifo"
  fifo_queue                = true
  message_retention_seconds = 14 * 24 * 60 * 60
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue_policy" "this" {
  for_each = { queue = aws_sqs_queue.this, dead_letters = aws_sqs_queue.dead_letters }

  queue_url = each.value.url
  policy    = data.aws_iam_policy_document.delivery[each.key].json
}

# Only SNS may send, and only for this topic: anyone can subscribe your queue to a topic of theirs.
data "aws_iam_policy_document" "delivery" {
  for_each = { queue = aws_sqs_queue.this, dead_letters = aws_sqs_queue.dead_letters }

  statement {
    sid       = "DeliverEvents"
    actions   = ["sqs:SendMessage"]
    resources = [each.value.arn]

    principals {
      type        = "Service"
      identifiers = ["sns.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [var.topic_arn]
    }
  }
}

resource "aws_sns_topic_subscription" "this" {
  topic_arn            = var.topic_arn
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.this.arn
  raw_message_delivery = true
  filter_policy        = length(var.image_names) == 0 ? null : jsonencode({ image_name = var.image_names })
  redrive_policy       = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead_letters.arn })

  # Events that arrive before the queue policies exist would be lost.
  depends_on = [aws_sqs_queue_policy.this]
}
