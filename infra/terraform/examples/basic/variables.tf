# Everything but external_id may be left out; what is null here is the module's own default.

variable "external_id" {
  description = "What the member accounts' roles ask for before they trust the hub: make one up (`uuidgen`) and keep it."
  type        = string
}

# --- Names and places

variable "region" {
  description = "The hub's region. Null: the shell's (AWS_REGION, or the profile's)."
  type        = string
  default     = null
}

variable "name_prefix" {
  description = "What every name begins with; deployments side by side need one each."
  type        = string
  default     = "ami-tracker"
}

variable "regions_file" {
  description = "Path of regions.yaml. Null: the repository's."
  type        = string
  default     = null
}

variable "packages_folder" {
  description = "Folder of the zips that `make package` builds. Null: the repository's build/packages."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of everything that can be tagged."
  type        = map(string)
  default     = {}
}

# --- Functions and rounds

variable "runtime" {
  description = "Lambda runtime that the packages were built for; `make plan` and `make deploy` say it."
  type        = string
  default     = null
}

variable "architecture" {
  description = "Processor that the packages were built for; `make plan` and `make deploy` say it."
  type        = string
  default     = null
}

variable "schedule_expression" {
  description = "When a round begins: rate(…) or cron(…), in UTC."
  type        = string
  default     = null
}

variable "max_removed_percent" {
  description = "How many per cent of a target's images one deployment may take away."
  type        = number
  default     = null
}

variable "parameter_paths" {
  description = "SSM parameters of the accounts' own that lookups may read beside the public ones, such as /golden/*."
  type        = list(string)
  default     = []
}

variable "lookup_memory_mb" {
  description = "Memory of the lookup in MB."
  type        = number
  default     = null
}

variable "lookup_maximum_concurrency" {
  description = "How many lookups run at once."
  type        = number
  default     = null
}

variable "log_retention_days" {
  description = "How long the functions' logs are kept."
  type        = number
  default     = null
}

# --- Member accounts

variable "previous_external_ids" {
  description = "Other external ids that the roles accept too, while one is replaced by another: first the new one, then the old one."
  type        = list(string)
  default     = []
}

variable "organization_id" {
  description = "The AWS organisation whose accounts are trusted and may subscribe. Null: none."
  type        = string
  default     = null
}

variable "subscriber_account_ids" {
  description = "Accounts that may subscribe to the topics."
  type        = list(string)
  default     = []
}

variable "stack_set_model" {
  description = "SELF_MANAGED: StackSets bring roles and topics to the accounts of regions.yaml. NONE: by hand, from infra/cloudformation. (For SERVICE_MANAGED see examples/organization.)"
  type        = string
  default     = "SELF_MANAGED"

  validation {
    condition     = contains(["SELF_MANAGED", "NONE"], var.stack_set_model)
    error_message = "stack_set_model must be SELF_MANAGED or NONE; for SERVICE_MANAGED start from examples/organization."
  }
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
  description = "Name of the role that StackSets use in each account. Null: named after name_prefix."
  type        = string
  default     = null
}

variable "fifo_topics" {
  description = "Whether the topics are FIFO."
  type        = bool
  default     = false
}

# --- Protection

variable "kms_key_arn" {
  description = "A customer key for everything. Null: AWS's own, free of charge."
  type        = string
  default     = null
}

variable "permissions_boundary_name" {
  description = "Name of a permissions boundary for every role. Null: none."
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
  description = "Addresses that alarms are sent to."
  type        = list(string)
  default     = []
}

variable "alarm_topic_arn" {
  description = "An existing topic for alarms. Null: one is made."
  type        = string
  default     = null
}

variable "round_alarm_minutes" {
  description = "After how many minutes without a finished round there is an alarm."
  type        = number
  default     = null
}

variable "alarm_topic_arns" {
  description = "Existing topics for alarms, each alarm to all of them. None: one is made."
  type        = list(string)
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
