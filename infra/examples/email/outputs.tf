output "subscription_arn" {
  description = "ARN of the subscription; pending until the address has confirmed it."
  value       = aws_sns_topic_subscription.this.arn
}
