output "queue_url" {
  description = "URL of the queue that the events of all topics arrive in."
  value       = aws_sqs_queue.this.url
}

output "subscribed" {
  description = "What is subscribed to, as account/region."
  value       = sort(keys(aws_cloudformation_stack.subscription))
}
