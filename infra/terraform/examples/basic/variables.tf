# Every variable of the module, under its name. Null is the module's own default.

variable "external_id" {
  description = "The external id that the roles in the member accounts require from the hub. Generate one for each deployment (`uuidgen`) and keep it."
  type        = string
  sensitive   = true
}

# --- Names and places

variable "region" {
  description = "The hub's region. Null: the region of the shell (AWS_REGION, or the profile's)."
  type        = string
  default     = null
}

variable "name_prefix" {
  description = "Prefix of every name. Two deployments in one account need different ones."
  type        = string
  default     = "ami-tracker"
}

variable "regions_file" {
  description = "Path of regions.yaml. Null: the repository's."
  type        = string
  default     = null
}

variable "packages_folder" {
  description = "Folder that `make package` writes the zips and their manifest to. Null: the repository's build/packages."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of every resource that can have tags."
  type        = map(string)
  default     = {}
}

# --- Functions and rounds

variable "runtime" {
  description = "Lambda runtime that the packages were built for; `make plan` sets it."
  type        = string
  default     = null
}

variable "architecture" {
  description = "Processor architecture that the packages were built for; `make plan` sets it."
  type        = string
  default     = null
}

variable "schedule_expression" {
  description = "When a round begins: rate(…) or cron(…), in UTC."
  type        = string
  default     = null
}

variable "max_removed_percent" {
  description = "The percentage of a target's images that one deployment may remove."
  type        = number
  default     = null
}

variable "parameter_paths" {
  description = "SSM parameters of the accounts' own that lookups may read, such as /golden/*, in addition to the public ones."
  type        = list(string)
  default     = []
}

variable "lookup_memory_mb" {
  description = "Memory of the lookup in MB."
  type        = number
  default     = null
}

variable "lookup_maximum_concurrency" {
  description = "How many lookups run at the same time."
  type        = number
  default     = null
}

variable "log_retention_days" {
  description = "How many days the functions' logs are kept."
  type        = number
  default     = null
}

# --- Member accounts

variable "previous_external_ids" {
  description = "Other external ids that the roles accept while one is replaced by another: first the new one, then the old one."
  type        = list(string)
  sensitive   = true
  default     = []
}

variable "organization_id" {
  description = "The AWS organisation whose accounts are trusted and may subscribe (`aws organizations describe-organization --query Organization.Id`). Null: none."
  type        = string
  default     = null
}

variable "subscriber_account_ids" {
  description = "Accounts that may subscribe to the topics."
  type        = list(string)
  default     = []
}

variable "role_path" {
  description = "IAM path of every role and policy that is made."
  type        = string
  default     = "/"
}

variable "permissions_boundary" {
  description = "Permissions boundary of every role that is made: a policy's name, path and name, or ARN. Null: none."
  type        = string
  default     = null
}

variable "stack_set_model" {
  description = "SELF_MANAGED: StackSets create roles and topics in the accounts of regions.yaml. SERVICE_MANAGED: StackSets create them in the accounts of organizational_unit_ids. NONE: by hand, from infra/cloudformation."
  type        = string
  default     = "SELF_MANAGED"
}

variable "organizational_unit_ids" {
  description = "The organisational units whose accounts get roles and topics (SERVICE_MANAGED only)."
  type        = list(string)
  default     = []
}

variable "stack_set_call_as" {
  description = "SELF in the organisation's management account, DELEGATED_ADMIN in an account that is its delegated administrator for StackSets (SERVICE_MANAGED only)."
  type        = string
  default     = "SELF"
}

variable "stack_set_failure_tolerance_percent" {
  description = "In how many per cent of a region's accounts a StackSet operation may fail before it stops, rounded down. It works in as many accounts at once, in one at least."
  type        = number
  default     = null
}

variable "stack_set_region_order" {
  description = "Regions in which an update of all topics works one after the other, in this order. Empty: in all at once."
  type        = list(string)
  default     = []
}

variable "stack_set_administration_role_arn" {
  description = "An existing role for self-managed StackSets. Null: one is made."
  type        = string
  default     = null
}

variable "stack_set_execution_role_name" {
  description = "Name of the role that self-managed StackSets use in each account. Null: named after name_prefix."
  type        = string
  default     = null
}

variable "fifo_topics" {
  description = "Whether the topics are FIFO."
  type        = bool
  default     = false
}

# --- Protection

variable "customer_keys" {
  description = "Whether a customer key is made for the hub, and one for each topic: $1 a month each. Not together with kms_key_arn."
  type        = bool
  default     = false
}

variable "kms_key_arn" {
  description = "An existing customer key for the hub; each topic gets a key of its own. Null: keys of AWS, free of charge, or what customer_keys says."
  type        = string
  default     = null
}

variable "table_name" {
  description = "Name of the table, if it was restored under another name and imported. Null: name_prefix."
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Whether the table refuses to be deleted."
  type        = bool
  default     = true
}

# --- Alarms

variable "alarm_emails" {
  description = "E-mail addresses that alarms are sent to. Must be empty together with alarm_topic_arn or alarm_topic_arns."
  type        = list(string)
  default     = []
}

variable "alarm_topic_arn" {
  description = "An existing topic for alarms. Null: one is made."
  type        = string
  default     = null
}

variable "alarm_topic_arns" {
  description = "Existing topics for alarms; each alarm is sent to all of them. None: one is made."
  type        = list(string)
  default     = []
}

variable "round_alarm_minutes" {
  description = "After how many minutes without a finished round there is an alarm."
  type        = number
  default     = null
}

variable "images_never_found_threshold" {
  description = "How many images may have a lookup that no region has ever answered before there is an alarm."
  type        = number
  default     = null
}

variable "pairs_failing_percent" {
  description = "What percentage of all pairs may fail for a cause before there is an alarm."
  type = object({
    throttling = optional(number)
    access     = optional(number)
    image      = optional(number)
    other      = optional(number)
  })
  default = null
}

variable "pairs_stale_percent" {
  description = "What percentage of all pairs may be stale before there is an alarm."
  type        = number
  default     = null
}

variable "targets_failing_threshold" {
  description = "In how many targets all pairs may fail before there is an alarm."
  type        = number
  default     = null
}

variable "rows_unreadable_threshold" {
  description = "How many rows of the table may be unreadable before there is an alarm."
  type        = number
  default     = null
}
