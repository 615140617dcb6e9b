output "function_names" {
  description = "Names of the functions, by service."
  value = merge(
    {
      scheduler  = module.scheduler.name
      lookup     = module.lookup.name
      aggregator = module.aggregator.name
    },
    { for each in module.publisher : "publisher" => each.name },
  )
}

output "function_role_arns" {
  description = "ARNs of the functions' roles, by service; the member accounts trust the lookup's and the aggregator's."
  value = merge(
    {
      scheduler  = module.scheduler.role_arn
      lookup     = module.lookup.role_arn
      aggregator = module.aggregator.role_arn
    },
    { for each in module.publisher : "publisher" => each.role_arn },
  )
}

output "table_name" {
  description = "Name of the table of images, releases and rounds."
  value       = aws_dynamodb_table.this.name
}

output "table_arn" {
  description = "ARN of the table."
  value       = aws_dynamodb_table.this.arn
}

output "queue_url" {
  description = "URL of the queue of lookup requests."
  value       = aws_sqs_queue.lookups.url
}

output "dead_letter_queue_url" {
  description = "URL of the dead-letter queue of lookup requests."
  value       = aws_sqs_queue.dead_letters.url
}

output "schedule_dead_letter_queue_url" {
  description = "URL of the dead-letter queue of the schedules."
  value       = aws_sqs_queue.schedule_dead_letters.url
}

output "alarm_topic_arn" {
  description = "ARN of the topic for alarms; the first if there are several."
  value       = local.alarm_topic_arns[0]
}

output "alarm_topic_arns" {
  description = "ARNs of all topics for alarms."
  value       = local.alarm_topic_arns
}

output "alarm_names" {
  description = "Names of all alarms, each with a heading in the runbook."
  value = sort(concat(
    values(aws_cloudwatch_metric_alarm.this)[*].alarm_name,
    values(aws_cloudwatch_metric_alarm.shares)[*].alarm_name,
  ))
}

output "dashboard_name" {
  description = "Name of the CloudWatch dashboard."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}

output "metrics_namespace" {
  description = "Namespace of the functions' own metrics."
  value       = local.metrics_namespace
}

output "read_role_name" {
  description = "Name of the role that lookups assume in each member account."
  value       = local.read_role_name
}

output "publish_role_name" {
  description = "Name of the role that the aggregator assumes in each member account."
  value       = local.publish_role_name
}

output "read_only_policy_arn" {
  description = "ARN of the policy that allows reading the table; null if create_access_policies is false."
  value       = one(aws_iam_policy.read_only[*].arn)
}

output "operator_policy_arn" {
  description = "ARN of the policy for operators; null if create_access_policies is false."
  value       = one(aws_iam_policy.operator[*].arn)
}

output "site_bucket_name" {
  description = "Name of the bucket with the report page and the feed; null if site.enabled is false."
  value       = one(aws_s3_bucket.site[*].bucket)
}

output "site_bucket_domain_name" {
  description = "Domain name of that bucket in its region: the origin of a CloudFront distribution."
  value       = one(aws_s3_bucket.site[*].bucket_regional_domain_name)
}

output "site_page_uri" {
  description = "S3 URI of the report page; null if site.enabled is false."
  value       = one([for each in aws_s3_bucket.site : "s3://${each.bucket}/${var.site.key_prefix}index.html"])
}

output "site_feed_uri" {
  description = "S3 URI of the feed's folder; null if site.enabled is false."
  value       = one([for each in aws_s3_bucket.site : "s3://${each.bucket}/${local.site_feed}"])
}

output "site_reader_policy_arn" {
  description = "ARN of the policy that allows reading the report page and the feed; null without site.enabled or create_access_policies."
  value       = one(aws_iam_policy.site_reader[*].arn)
}

output "topic_name" {
  description = "Name of the topic in each account and region."
  value       = local.topic_name
}

output "topic_arns" {
  description = "ARN of each topic for subscribers, by account and region, such as 111122223333/eu-west-1."
  value = {
    for target in local.targets :
    "${target.account_id}/${target.region}" => "arn:${local.partition}:sns:${target.region}:${target.account_id}:${local.topic_name}"
  }
}

output "member_roles_parameters" {
  description = "Parameters of infra/cloudformation/member-roles.yaml for this hub, for accounts that are set up by hand. Sensitive, since ExternalIds is one of them."
  sensitive   = true
  value = {
    HubAccountId        = local.account_id
    LookupRoleName      = "${local.path_in_names}${local.lookup_name}"
    AggregatorRoleName  = "${local.path_in_names}${local.aggregator_name}"
    ExternalIds         = join(",", distinct(concat([var.external_id], var.previous_external_ids)))
    OrganizationId      = var.organization_id == null ? "" : var.organization_id
    ReadRoleName        = local.read_role_name
    PublishRoleName     = local.publish_role_name
    RolePath            = var.role_path
    TopicName           = local.topic_base_name
    Fifo                = tostring(var.fifo_topics)
    Regions             = join(",", local.target_regions)
    ParameterPaths      = join(",", sort(var.parameter_paths))
    SharedParameterArns = join(",", sort(var.shared_parameter_arns))
    PermissionsBoundary = local.members_boundary == null ? "" : local.members_boundary
  }
}

output "stack_set_execution_role_parameters" {
  description = "Parameters of infra/cloudformation/stackset-execution-role.yaml for this hub, which every member account of self-managed StackSets needs; null if the StackSets use other roles."
  value       = one(module.members[*].execution_role_parameters)
}

output "region_topic_parameters" {
  description = "Parameters of infra/cloudformation/region-topic.yaml for this hub, for regions that are set up by hand."
  value = {
    TopicName            = local.topic_base_name
    Fifo                 = tostring(var.fifo_topics)
    PublishRoleName      = "${local.path_in_names}${local.publish_role_name}"
    OrganizationId       = var.organization_id == null ? "" : var.organization_id
    SubscriberAccountIds = join(",", sort(var.subscriber_account_ids))
    Encryption           = var.kms_key_arn == null ? "aws-managed" : "customer-key"
  }
}
