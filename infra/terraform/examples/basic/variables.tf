# All variables of the module, with the same names. Null selects the module's default.

variable "external_id" {
  description = "The external id that the roles in the member accounts require from the hub. Generate one for each deployment (`uuidgen`)."
  type        = string
  sensitive   = true
}

# --- Names and locations

variable "region" {
  description = "The hub's region. Null: the region of the shell (AWS_REGION or the profile)."
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
  description = "Folder with the zips and the manifest from `make package`. Null: the repository's build/packages."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of all resources that support tags."
  type        = map(string)
  default     = {}
}

# --- Functions and rounds

variable "runtime" {
  description = "Lambda runtime for which the packages were built; `make plan` sets it."
  type        = string
  default     = null
}

variable "architecture" {
  description = "Processor architecture for which the packages were built; `make plan` sets it."
  type        = string
  default     = null
}

variable "schedule_expression" {
  description = "Schedule of the rounds: rate(…) or cron(…) in UTC."
  type        = string
  default     = null
}

variable "max_removed_percent" {
  description = "Maximum percentage of a target's images that one deployment may remove."
  type        = number
  default     = null
}

variable "parameter_paths" {
  description = "SSM parameters of the accounts that lookups may read, such as /golden/*, in addition to the public ones."
  type        = list(string)
  default     = []
}

variable "shared_parameter_arns" {
  description = "ARNs of SSM parameters that other accounts share through AWS RAM and that lookups may read."
  type        = list(string)
  default     = []
}

variable "ca_bundle" {
  description = "File of the certificates that the functions trust in calls of AWS; /var/task/botocore/cacert.pem is the SDK's bundle. Null: Amazon's roots in the partition aws."
  type        = string
  default     = null
}

variable "lookup_memory_mb" {
  description = "Memory of the lookup function in MB."
  type        = number
  default     = null
}

variable "lookup_maximum_concurrency" {
  description = "Maximum number of concurrent lookup functions."
  type        = number
  default     = null
}

variable "log_retention_days" {
  description = "Retention of the functions' logs in days."
  type        = number
  default     = null
}

# --- Member accounts

variable "previous_external_ids" {
  description = "Other external ids that the roles accept while the id is replaced: first the new one, then the old one."
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
  description = "IAM path of every role and policy that the tracker creates."
  type        = string
  default     = "/"
}

variable "permissions_boundary" {
  description = "Permissions boundary of every role that the tracker creates: a policy's name, path and name, or ARN. Null: none."
  type        = string
  default     = null
}

variable "create_access_policies" {
  description = "Whether to create the policies <name_prefix>-read-only and <name_prefix>-operator for people."
  type        = bool
  default     = true
}

variable "site" {
  description = "The report page and the feed in a private S3 bucket; `site = { enabled = true }` creates it."
  type = object({
    enabled           = optional(bool)
    interval_minutes  = optional(number)
    bucket_name       = optional(string)
    key_prefix        = optional(string)
    lag_hours         = optional(number)
    releases          = optional(number)
    memory_mb         = optional(number)
    old_versions_days = optional(number)
    access_log_bucket = optional(string)
    bucket_policy     = optional(string)
  })
  default = null
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
  description = "SELF in the organisation's management account, DELEGATED_ADMIN in its delegated administrator for StackSets (SERVICE_MANAGED only)."
  type        = string
  default     = "SELF"
}

variable "stack_set_failure_tolerance_percent" {
  description = "Percentage of a region's accounts, rounded down, in which a StackSet operation may fail before it stops. It deploys to the same number of accounts at once, and to at least one."
  type        = number
  default     = null
}

variable "stack_set_region_order" {
  description = "Regions in the order in which an update of all topics deploys them, one after the other. Empty: all at once."
  type        = list(string)
  default     = []
}

variable "stack_set_administration_role_arn" {
  description = "An existing role for self-managed StackSets. Null: a role is created."
  type        = string
  default     = null
}

variable "stack_set_execution_role_name" {
  description = "Name of the role that self-managed StackSets use in each account. Null: named after name_prefix."
  type        = string
  default     = null
}

variable "fifo_topics" {
  description = "Whether the topics are FIFO topics."
  type        = bool
  default     = false
}

# --- Protection

variable "customer_keys" {
  description = "Whether to create a customer key for the hub and one for each topic, at $1 per month each. Cannot be combined with kms_key_arn."
  type        = bool
  default     = false
}

variable "kms_key_arn" {
  description = "An existing customer key for the hub; each topic gets its own key. Null: AWS's keys, free of charge, or those of customer_keys."
  type        = string
  default     = null
}

variable "table_name" {
  description = "Name of the table, if it was restored under another name and imported. Null: name_prefix."
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Whether the table is protected against deletion."
  type        = bool
  default     = true
}

# --- Alarms

variable "alarm_emails" {
  description = "Email addresses for alarms. Must be empty if alarm_topic_arn or alarm_topic_arns is set."
  type        = list(string)
  default     = []
}

variable "alarm_topic_arn" {
  description = "An existing topic for alarms. Null: a topic is created."
  type        = string
  default     = null
}

variable "alarm_topic_arns" {
  description = "Existing topics for alarms; each alarm is sent to all of them. Empty: a topic is created."
  type        = list(string)
  default     = []
}

variable "round_alarm_minutes" {
  description = "Minutes without a finished round before the alarm."
  type        = number
  default     = null
}

variable "images_never_found_threshold" {
  description = "Number of images that may have been found in no region with their current lookup before the alarm."
  type        = number
  default     = null
}

variable "pairs_failing_percent" {
  description = "Percentage of all pairs that may fail before the alarm, by cause."
  type = object({
    throttling = optional(number)
    access     = optional(number)
    image      = optional(number)
    other      = optional(number)
  })
  default = null
}

variable "pairs_stale_percent" {
  description = "Percentage of all pairs that may be stale before the alarm."
  type        = number
  default     = null
}

variable "targets_failing_threshold" {
  description = "Number of targets in which all pairs may fail before the alarm."
  type        = number
  default     = null
}

variable "rows_unreadable_threshold" {
  description = "Number of unreadable rows in the table before the alarm."
  type        = number
  default     = null
}
