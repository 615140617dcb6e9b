output "queue_url" {
  description = "URL of the queue that receives the events of all topics."
  value       = aws_sqs_queue.this.url
}

output "subscribed" {
  description = "Accounts and regions of the subscribed topics, as account/region."
  value       = sort(keys(aws_cloudformation_stack.subscription))
}
