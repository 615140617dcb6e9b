# --- Names

variable "name_prefix" {
  description = "What every name in the hub and in the member accounts begins with. Deployments side by side need one each."
  type        = string
  default     = "ami-tracker"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}[a-z0-9]$", var.name_prefix))
    error_message = "name_prefix must be 3 to 32 lower-case letters, digits or hyphens, begin with a letter and not end with a hyphen: roles, queues and topics are named after it, and the table, whose name must have three characters, is called so."
  }
}

variable "tags" {
  description = "Tags of everything that can be tagged, beside the provider's default tags."
  type        = map(string)
  default     = {}
  nullable    = false
}

# --- What is watched, and where

variable "regions_file" {
  description = "Path of regions.yaml, the file that the packages were built with: it says which regions are watched, and from which accounts."
  type        = string

  validation {
    condition     = fileexists(var.regions_file)
    error_message = "regions_file must be the path of an existing file; the repository's own is regions.yaml."
  }
}

variable "schedule_expression" {
  description = "When a round begins: rate(…) or cron(…), in UTC, as EventBridge Scheduler takes it."
  type        = string
  default     = "rate(30 minutes)"
  nullable    = false

  validation {
    condition     = can(regex("^(rate\\([1-9][0-9]* (minute|hour|day)s?\\)|cron\\([^()]+\\))$", var.schedule_expression))
    error_message = "schedule_expression must be rate(…) or cron(…), such as rate(30 minutes) or cron(5 * * * ? *)."
  }
}

variable "max_removed_percent" {
  description = "How many per cent of a target's images one deployment may take away; more is refused (beyond ten images), since it is more likely a mistake than a wish."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.max_removed_percent >= 0 && var.max_removed_percent <= 100 && floor(var.max_removed_percent) == var.max_removed_percent
    error_message = "max_removed_percent must be a whole number from 0 to 100."
  }
}

variable "parameter_paths" {
  description = "SSM parameters of the accounts' own that lookups may read beside the public ones, such as /golden/*."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for path in var.parameter_paths : can(regex("^(/[A-Za-z0-9_.-]+)+(/\\*)?$", path))])
    error_message = "parameter_paths must be names such as /golden/web, or end in a segment * that stands for all below, such as /golden/*; /* would open every parameter of every account."
  }
}

# --- Functions

variable "packages" {
  description = "Paths of the functions' zips and of the manifest that `make package` writes with them."
  type = object({
    scheduler  = string
    lookup     = string
    aggregator = string
    manifest   = string
  })

  validation {
    condition     = alltrue([for path in values(var.packages) : fileexists(path)])
    error_message = "packages must be the paths of existing files, but ${join(" and ", [for path in values(var.packages) : abspath(path) if !fileexists(path)])} does not exist: run `make package` first."
  }
}

variable "runtime" {
  description = "Lambda runtime that the packages were built for."
  type        = string
  default     = "python3.13"
  nullable    = false

  validation {
    condition     = contains(["python3.11", "python3.12", "python3.13"], var.runtime)
    error_message = "runtime must be python3.11, python3.12 or python3.13."
  }
}

variable "architecture" {
  description = "Processor that the packages were built for; arm64 costs a fifth less."
  type        = string
  default     = "arm64"
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be arm64 or x86_64."
  }
}

variable "lookup_memory_mb" {
  description = "Memory of the lookup in MB, and with it its share of a processor. Allow 100 MB, and 2 MB for each account and region that one function looks up in (at most 400 MB)."
  type        = number
  default     = 512
  nullable    = false

  validation {
    condition     = var.lookup_memory_mb >= 256 && var.lookup_memory_mb <= 10240 && floor(var.lookup_memory_mb) == var.lookup_memory_mb
    error_message = "lookup_memory_mb must be a whole number from 256 to 10240."
  }
}

variable "lookup_maximum_concurrency" {
  description = "How many lookups run at once; it bounds how hard the accounts' SSM and EC2 are asked."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.lookup_maximum_concurrency >= 2 && var.lookup_maximum_concurrency <= 1000 && floor(var.lookup_maximum_concurrency) == var.lookup_maximum_concurrency
    error_message = "lookup_maximum_concurrency must be a whole number from 2 to 1000."
  }
}

variable "log_retention_days" {
  description = "How long the functions' logs are kept."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be a number of days that CloudWatch Logs offers: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}

# --- Trust between the hub and the member accounts

variable "external_id" {
  description = "What the member accounts' roles ask for before they trust the hub. Make one up for each deployment (`uuidgen`); it is not a secret, but it must not be guessable."
  type        = string
  sensitive   = true

  validation {
    condition     = can(regex("^[A-Za-z0-9_+=.@:/-]+$", var.external_id)) && length(var.external_id) >= 2 && length(var.external_id) <= 1224
    error_message = "external_id must be 2 to 1224 letters, digits or any of _+=.@:/-; STS takes a comma too, but it would end the id in a CloudFormation list."
  }
}

variable "previous_external_ids" {
  description = "Other external ids that the roles accept too, while one is replaced by another: first the new one, then the old one."
  type        = list(string)
  sensitive   = true
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for id in var.previous_external_ids : can(regex("^[A-Za-z0-9_+=.@:/-]+$", id)) && length(id) >= 2 && length(id) <= 1224])
    error_message = "previous_external_ids must each be 2 to 1224 letters, digits or any of _+=.@:/-."
  }
}

variable "organization_id" {
  description = "The AWS organisation: the roles trust nobody outside it, and its accounts may subscribe to the topics. Null where there is none."
  type        = string
  default     = null

  validation {
    condition     = var.organization_id == null || can(regex("^o-[a-z0-9]{10,32}$", var.organization_id))
    error_message = "organization_id must be an id such as o-a1b2c3d4e5, as `aws organizations describe-organization` shows it."
  }
}

variable "subscriber_account_ids" {
  description = "Accounts that may subscribe to the topics, beside those of the organisation."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for id in var.subscriber_account_ids : can(regex("^[0-9]{12}$", id))])
    error_message = "subscriber_account_ids must each be exactly 12 digits, in quotes."
  }

  validation {
    condition     = length(var.subscriber_account_ids) <= 315
    error_message = "subscriber_account_ids must hold 315 accounts at most: a parameter of CloudFormation has 4,096 characters. More accounts are an organisation: set organization_id."
  }
}

variable "role_path" {
  description = "IAM path of every role and policy that is made, in the hub and in the member accounts, such as /platform/. Only the execution role of self-managed StackSets and its boundary keep /, since StackSets take that role's name without a path."
  type        = string
  default     = "/"
  nullable    = false

  validation {
    condition     = can(regex("^/([A-Za-z0-9+=,.@_-]+/)*$", var.role_path))
    error_message = "role_path must begin and end with a slash, with letters, digits or any of +=,.@_- between slashes, such as /platform/."
  }

  validation {
    condition     = length(var.role_path) <= 40
    error_message = "role_path must have 40 characters at most: a policy holds the ARNs of 50 accounts' roles, and each has the path."
  }
}

variable "permissions_boundary" {
  description = "Permissions boundary of every role that is made: the name of a policy that exists in the hub and in every member account, with its path if it has one (boundaries/team), the ARN of that policy in the hub account, or the ARN of a policy of AWS."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary == null || can(regex("^(arn:[a-z-]+:iam::([0-9]{12}|aws):policy/)?([A-Za-z0-9+=,.@_-]+/)*[A-Za-z0-9+=,.@_-]{1,128}$", var.permissions_boundary))
    error_message = "permissions_boundary must be the name of a policy (team), its path and name (boundaries/team), its ARN in the hub account (arn:aws:iam::111122223333:policy/boundaries/team), or the ARN of a policy of AWS (arn:aws:iam::aws:policy/PowerUserAccess)."
  }
}

# --- Roll-out to the member accounts

variable "stack_set_model" {
  description = "How roles and topics reach the member accounts: SELF_MANAGED (StackSets to the accounts of regions.yaml), SERVICE_MANAGED (StackSets to organisational units, new accounts too) or NONE (by hand, from infra/cloudformation)."
  type        = string
  default     = "SELF_MANAGED"
  nullable    = false

  validation {
    condition     = contains(["SELF_MANAGED", "SERVICE_MANAGED", "NONE"], var.stack_set_model)
    error_message = "stack_set_model must be SELF_MANAGED, SERVICE_MANAGED or NONE."
  }
}

variable "organizational_unit_ids" {
  description = "Organisational units that get roles and topics (SERVICE_MANAGED only)."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for id in var.organizational_unit_ids : can(regex("^(ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}|r-[a-z0-9]{4,32})$", id))])
    error_message = "organizational_unit_ids must each be an id such as ou-ab12-c3d4e5f6, or the root's, such as r-ab12."
  }
}

variable "stack_set_call_as" {
  description = "Whether the hub is the organisation's management account (SELF) or its delegated administrator for StackSets (DELEGATED_ADMIN; SERVICE_MANAGED only)."
  type        = string
  default     = "SELF"
  nullable    = false

  validation {
    condition     = contains(["SELF", "DELEGATED_ADMIN"], var.stack_set_call_as)
    error_message = "stack_set_call_as must be SELF or DELEGATED_ADMIN."
  }
}

variable "stack_set_failure_tolerance_percent" {
  description = "In how many per cent of a region's accounts a StackSet operation may fail before it stops, rounded down: 10 allows one failure in 10 to 19 accounts, and none in fewer. The operation works in as many accounts at once, in one at least."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.stack_set_failure_tolerance_percent >= 0 && var.stack_set_failure_tolerance_percent <= 100 && floor(var.stack_set_failure_tolerance_percent) == var.stack_set_failure_tolerance_percent
    error_message = "stack_set_failure_tolerance_percent must be a whole number from 0 to 100."
  }
}

variable "stack_set_region_order" {
  description = "Regions of regions.yaml in which an update of all topics works one after the other, in this order (which provider 5.100 does not send: AWS chooses one). If it stops in one, the regions after it stay as they are. Empty: in all regions at once."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(distinct(var.stack_set_region_order)) == length(var.stack_set_region_order)
    error_message = "stack_set_region_order must name each region once."
  }
}

variable "stack_set_administration_role_arn" {
  description = "An existing role of the hub account for self-managed StackSets. Null: one is made."
  type        = string
  default     = null

  validation {
    condition     = var.stack_set_administration_role_arn == null || can(regex("^arn:[a-z-]+:iam::[0-9]{12}:role/.+$", var.stack_set_administration_role_arn))
    error_message = "stack_set_administration_role_arn must be the ARN of a role."
  }
}

variable "stack_set_execution_role_name" {
  description = "Name of the role that self-managed StackSets use in each member account. Null: named after name_prefix."
  type        = string
  default     = null

  validation {
    condition     = var.stack_set_execution_role_name == null || can(regex("^[A-Za-z0-9+=,.@_-]{1,64}$", var.stack_set_execution_role_name))
    error_message = "stack_set_execution_role_name must be the name of a role, not its ARN."
  }
}

variable "fifo_topics" {
  description = "Whether the topics are FIFO: an image's events in order and once, for subscribers that are FIFO queues."
  type        = bool
  default     = false
  nullable    = false
}

# --- Protection

variable "table_name" {
  description = "Name of the table: only for a table that was restored from a backup and imported (see the runbook). Null: name_prefix. Another name without an import replaces the table, and all history with it."
  type        = string
  default     = null

  validation {
    condition     = var.table_name == null || can(regex("^[A-Za-z0-9_.-]{3,255}$", var.table_name))
    error_message = "table_name must be 3 to 255 letters, digits or any of _.-"
  }
}

variable "kms_key_arn" {
  description = "A customer key in the hub's region for everything that can be encrypted; its policy must allow what modules/key allows. With it, the topics get customer keys of their own as well. Null: AWS's own keys, free of charge."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key, not of an alias."
  }
}

variable "deletion_protection" {
  description = "Whether the table refuses to be deleted."
  type        = bool
  default     = true
  nullable    = false
}

# --- Alarms

variable "alarm_emails" {
  description = "Addresses that alarms are sent to, once each has confirmed."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for address in var.alarm_emails : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", address))])
    error_message = "alarm_emails must each be an e-mail address."
  }
}

variable "alarm_topic_arn" {
  description = "An existing SNS topic for alarms, in the hub's region; CloudWatch must be allowed to publish to it. Null: one is made."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_topic_arn == null || can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$", var.alarm_topic_arn))
    error_message = "alarm_topic_arn must be the ARN of a standard SNS topic, not of a FIFO one."
  }
}

variable "alarm_topic_arns" {
  description = "Existing SNS topics for alarms, in addition to alarm_topic_arn: each alarm goes to all of them. None at all: one is made."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.alarm_topic_arns : can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$", arn))])
    error_message = "alarm_topic_arns must each be the ARN of a standard SNS topic, not of a FIFO one."
  }
}

variable "round_alarm_minutes" {
  description = "After how many minutes without a finished round there is an alarm, and a pair without an answer becomes stale: at least twice the longest time between two rounds of schedule_expression, so that one failed round raises no alarm."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.round_alarm_minutes >= 15 && var.round_alarm_minutes <= 10080 && floor(var.round_alarm_minutes) == var.round_alarm_minutes
    error_message = "round_alarm_minutes must be a whole number from 15 to 10080 (a week, CloudWatch's limit)."
  }
}

variable "images_never_found_threshold" {
  description = "How many images may have a lookup that no region has ever answered before there is an alarm."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.images_never_found_threshold >= 0 && floor(var.images_never_found_threshold) == var.images_never_found_threshold
    error_message = "images_never_found_threshold must be a whole number, 0 or more."
  }
}

variable "pairs_failing_percent" {
  description = "What percentage of all pairs may fail for a cause, in two rounds, before there is an alarm: throttling (also time-outs), access (roles, policies, disabled regions), image (no such image there, or no usable answer), other. 0: a single pair is an alarm. 100: no alarm."
  type = object({
    throttling = optional(number, 1)
    access     = optional(number, 0)
    image      = optional(number, 10)
    other      = optional(number, 0)
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for percent in values(var.pairs_failing_percent) : percent >= 0 && percent <= 100])
    error_message = "pairs_failing_percent must each be a number from 0 to 100."
  }
}

variable "pairs_stale_percent" {
  description = "What percentage of all pairs may be stale before there is an alarm. 0: a single pair is an alarm."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.pairs_stale_percent >= 0 && var.pairs_stale_percent <= 100
    error_message = "pairs_stale_percent must be a number from 0 to 100."
  }
}

variable "targets_failing_threshold" {
  description = "In how many targets (an account and a region) all pairs may fail before there is an alarm."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.targets_failing_threshold >= 0 && floor(var.targets_failing_threshold) == var.targets_failing_threshold
    error_message = "targets_failing_threshold must be a whole number, 0 or more."
  }
}

variable "rows_unreadable_threshold" {
  description = "How many rows of the table may be unreadable before there is an alarm."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.rows_unreadable_threshold >= 0 && floor(var.rows_unreadable_threshold) == var.rows_unreadable_threshold
    error_message = "rows_unreadable_threshold must be a whole number, 0 or more."
  }
}
