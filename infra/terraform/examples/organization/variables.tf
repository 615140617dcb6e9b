variable "external_id" {
  description = "What the member accounts' roles ask for before they trust the hub: make one up (`uuidgen`) and keep it."
  type        = string
}

variable "organization_id" {
  description = "The organisation: `aws organizations describe-organization --query Organization.Id`."
  type        = string
}

variable "organizational_unit_ids" {
  description = "The units whose accounts get roles and topics."
  type        = list(string)
}

variable "alarm_emails" {
  description = "Addresses that alarms are sent to."
  type        = list(string)

  validation {
    condition     = length(var.alarm_emails) > 0
    error_message = "alarm_emails must name somebody: an alarm that nobody gets is none."
  }
}

variable "stack_set_call_as" {
  description = "SELF in the organisation's management account, DELEGATED_ADMIN in an account that it has made the administrator of StackSets."
  type        = string
  default     = "DELEGATED_ADMIN"
}

variable "previous_external_ids" {
  description = "Other external ids that the roles accept too, while one is replaced by another: first the new one, then the old one."
  type        = list(string)
  default     = []
}

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

variable "customer_keys" {
  description = "Whether a customer key encrypts the hub, and one each topic: a dollar a month for each account of the units and each region. Otherwise AWS's own keys do, free of charge."
  type        = bool
  default     = false
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

variable "tags" {
  description = "Tags of everything that can be tagged."
  type        = map(string)
  default     = {}
}
