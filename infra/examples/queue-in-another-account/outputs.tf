output "queue_url" {
  description = "URL of the queue that the events arrive in."
  value       = aws_sqs_queue.this.url
}

output "dead_letters_url" {
  description = "URL of the queue, in the topic's region, that holds what SNS could not deliver."
  value       = aws_sqs_queue.dead_letters.url
}

output "subscription_arn" {
  description = "ARN of the subscription."
  value       = aws_sns_topic_subscription.this.arn
}
