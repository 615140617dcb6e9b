# The queue is in the region of your consumers: the region of your environment.
provider "aws" {}

locals {
  topics = {
    for arn in var.topic_arns :
    "${split(":", arn)[4]}/${split(":", arn)[3]}" => { arn = arn, account_id = split(":", arn)[4], region = split(":", arn)[3] }
  }
}

resource "aws_sqs_queue" "this" {
  name                      = var.name
  message_retention_seconds = 14 * 24 * 60 * 60
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue_policy" "this" {
  queue_url = aws_sqs_queue.this.url
  policy    = data.aws_iam_policy_document.delivery.json
}

# Only SNS may send, and only for these topics: anyone can subscribe your queue to a topic of theirs.
data "aws_iam_policy_document" "delivery" {
  statement {
    sid       = "DeliverEvents"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.this.arn]

    # https://docs.aws.amazon.com/sns/latest/dg/sns-cross-region-delivery.html
    principals {
      type        = "Service"
      identifiers = concat(["sns.amazonaws.com"], [for region in var.opt_in_regions : "sns.${region}.amazonaws.com"])
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = var.topic_arns
    }
  }
}

# SNS accepts a subscription only in the topic's region. Resources of provider 5 have no region argument
# and providers do not support for_each, so CloudFormation subscribes, with its property Region.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sns-subscription.html
resource "aws_cloudformation_stack" "subscription" {
  # checkov:skip=CKV_AWS_124:Terraform waits for the stack and reports its errors.
  for_each = local.topics

  name = "${var.name}-${each.value.account_id}-${each.value.region}"

  template_body = jsonencode({
    Description = "Subscribes the queue ${var.name} to the AMI tracker's topic of ${each.key}."
    Resources = {
      Subscription = {
        Type = "AWS::SNS::Subscription"
        Properties = {
          TopicArn           = each.value.arn
          Region             = each.value.region
          Protocol           = "sqs"
          Endpoint           = aws_sqs_queue.this.arn
          RawMessageDelivery = true
          FilterPolicy = {
            image_name = concat(var.image_names, [for prefix in var.image_name_prefixes : { prefix = prefix }])
            kind       = var.kinds
          }
        }
      }
    }
  })

  # Events that arrive before the queue policy exists would be lost.
  depends_on = [aws_sqs_queue_policy.this]

  lifecycle {
    precondition {
      condition     = length(var.image_names) + length(var.image_name_prefixes) > 0
      error_message = "Set at least one image in image_names or one prefix in image_name_prefixes."
    }
  }
}
