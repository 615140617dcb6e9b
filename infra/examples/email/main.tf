# SNS accepts a subscription only in the topic's region.
provider "aws" {
  region = split(":", var.topic_arn)[3]
}

resource "aws_sns_topic_subscription" "this" {
  topic_arn     = var.topic_arn
  protocol      = "email"
  endpoint      = var.address
  filter_policy = length(var.image_names) == 0 ? null : jsonencode({ image_name = var.image_names })
}
