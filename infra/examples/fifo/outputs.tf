output "queue_url" {
  description = "URL of the queue that receives the events, in order for each image."
  value       = aws_sqs_queue.this.url
}

output "dead_letters_url" {
  description = "URL of the dead-letter queue for events that SNS could not deliver."
  value       = aws_sqs_queue.dead_letters.url
}

output "subscription_arn" {
  description = "ARN of the subscription."
  value       = aws_sns_topic_subscription.this.arn
}
