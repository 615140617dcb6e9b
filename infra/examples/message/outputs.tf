output "function_arn" {
  description = "ARN of the function."
  value       = aws_lambda_function.this.arn
}

output "dead_letters_url" {
  description = "URL of the dead-letter queue for events that could not be sent."
  value       = aws_sqs_queue.dead_letters.url
}

output "subscription_arn" {
  description = "ARN of the subscription."
  value       = aws_sns_topic_subscription.this.arn
}
