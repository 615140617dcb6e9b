# --- Names

variable "name_prefix" {
  description = "Prefix of all names in the hub and in the member accounts. Each deployment needs its own."
  type        = string
  default     = "ami-tracker"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}[a-z0-9]$", var.name_prefix))
    error_message = "name_prefix must be 3 to 32 lower-case letters, digits or hyphens, begin with a letter and not end with a hyphen: it is the prefix of the names of roles, queues and topics, and the name of the table, which must have at least three characters."
  }
}

variable "tags" {
  description = "Tags of all resources that support tags, in addition to the provider's default tags."
  type        = map(string)
  default     = {}
  nullable    = false
}

# --- Images and regions

variable "regions_file" {
  description = "Path of regions.yaml, the file that the packages were built with: it lists the regions and their accounts."
  type        = string

  validation {
    condition     = fileexists(var.regions_file)
    error_message = "regions_file must be the path of an existing file; the repository's own is regions.yaml."
  }
}

variable "schedule_expression" {
  description = "Schedule of the rounds: rate(…) or cron(…) in UTC, in the syntax of EventBridge Scheduler."
  type        = string
  default     = "rate(30 minutes)"
  nullable    = false

  validation {
    condition     = can(regex("^(rate\\([1-9][0-9]* (minute|hour|day)s?\\)|cron\\([^()]+\\))$", var.schedule_expression))
    error_message = "schedule_expression must be rate(…) or cron(…), such as rate(30 minutes) or cron(5 * * * ? *)."
  }
}

variable "max_removed_percent" {
  description = "Maximum percentage of a target's images that one deployment may remove; a round refuses a larger removal of more than ten images, since it is probably a mistake."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.max_removed_percent >= 0 && var.max_removed_percent <= 100 && floor(var.max_removed_percent) == var.max_removed_percent
    error_message = "max_removed_percent must be a whole number from 0 to 100."
  }
}

variable "parameter_paths" {
  description = "SSM parameters of the accounts that lookups may read in addition to the public ones, such as /golden/*."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for path in var.parameter_paths : can(regex("^(/[A-Za-z0-9_.-]+)+(/\\*)?$", path))])
    error_message = "parameter_paths must be names such as /golden/web, or end in a segment * for all parameters below, such as /golden/*; /* would allow every parameter of every account."
  }

  # In the boundary of the roles, limited to 6,144 characters, each name has 26 characters more.
  validation {
    condition     = sum(concat([0], [for path in var.parameter_paths : length(path) + 26])) <= 4096
    error_message = "parameter_paths has ${length(var.parameter_paths)} names with ${length(join("", var.parameter_paths))} characters, too many for an IAM policy: the characters and 26 for each name must be at most 4,096 together. Name all parameters below a path at once, such as /golden/*."
  }
}

variable "shared_parameter_arns" {
  description = "ARNs of SSM parameters that other accounts share through AWS RAM and that lookups may read, such as arn:aws:ssm:eu-west-1:111122223333:parameter/golden/*."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition = alltrue([
      for arn in var.shared_parameter_arns :
      can(regex("^arn:aws[a-z-]*:ssm:[a-z]{2,4}(-[a-z]+){1,3}-[0-9]{1,2}:[0-9]{12}:parameter(/[A-Za-z0-9_.-]+)+(/\\*)?$", arn))
    ])
    error_message = "shared_parameter_arns must be ARNs of parameters with their region and account, such as arn:aws:ssm:eu-west-1:111122223333:parameter/golden/web, or end in a segment * for all parameters below, such as …:parameter/golden/*; …:parameter/* would allow every parameter of the account."
  }

  # The value of a CloudFormation parameter has at most 4,096 characters. The boundary has other
  # parameters too, so locals.tf checks the sum.
  validation {
    condition     = sum(concat([0], [for arn in var.shared_parameter_arns : length(arn) + 3])) <= 4096
    error_message = "shared_parameter_arns has ${length(var.shared_parameter_arns)} ARNs with ${length(join("", var.shared_parameter_arns))} characters, too many for an IAM policy and for a CloudFormation parameter: the characters and 3 for each ARN must be at most 4,096 together. Name all parameters below a path at once, such as …:parameter/golden/*."
  }
}

# --- Functions

variable "packages" {
  description = "Paths of the functions' zips and of the manifest that `make package` writes with them."
  type = object({
    scheduler  = string
    lookup     = string
    aggregator = string
    publisher  = optional(string) # only for site.enabled
    manifest   = string
  })

  validation {
    condition     = alltrue([for path in values(var.packages) : path == null ? true : fileexists(path)])
    error_message = "packages must be the paths of existing files, but ${join(" and ", [for path in values(var.packages) : abspath(path) if path == null ? false : !fileexists(path)])} does not exist: run `make package` first."
  }
}

variable "runtime" {
  description = "Lambda runtime for which the packages were built."
  type        = string
  default     = "python3.13"
  nullable    = false

  validation {
    condition     = contains(["python3.11", "python3.12", "python3.13"], var.runtime)
    error_message = "runtime must be python3.11, python3.12 or python3.13."
  }
}

variable "architecture" {
  description = "Processor architecture for which the packages were built; arm64 costs 20 % less."
  type        = string
  default     = "arm64"
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be arm64 or x86_64."
  }
}

variable "ca_bundle" {
  description = "File of the certificates that the functions trust in calls of AWS (AWS_CA_BUNDLE). Null: Amazon's roots in the partition aws, the SDK's bundle in others. /var/task/botocore/cacert.pem is the SDK's bundle."
  type        = string
  default     = null

  validation {
    condition     = var.ca_bundle == null || can(regex("^/[^\\s]+$", var.ca_bundle))
    error_message = "ca_bundle must be the path of a file in the functions, without spaces, such as /var/task/botocore/cacert.pem, or null."
  }
}

variable "lookup_memory_mb" {
  description = "Memory of the lookup function in MB, which also determines its share of a processor. Allow 100 MB, and 2 MB for each account and region in which it looks up images (at most 400 MB)."
  type        = number
  default     = 512
  nullable    = false

  validation {
    condition     = var.lookup_memory_mb >= 256 && var.lookup_memory_mb <= 10240 && floor(var.lookup_memory_mb) == var.lookup_memory_mb
    error_message = "lookup_memory_mb must be a whole number from 256 to 10240."
  }
}

variable "lookup_maximum_concurrency" {
  description = "Maximum number of concurrent lookup functions; it limits the request rate to SSM and EC2 in the accounts."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.lookup_maximum_concurrency >= 2 && var.lookup_maximum_concurrency <= 1000 && floor(var.lookup_maximum_concurrency) == var.lookup_maximum_concurrency
    error_message = "lookup_maximum_concurrency must be a whole number from 2 to 1000."
  }
}

variable "log_retention_days" {
  description = "Retention of the functions' logs in days."
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
  description = "External id that the trust policies of the member accounts' roles require. Generate one for each deployment (`uuidgen`); it is not a secret, but it must not be guessable."
  type        = string
  sensitive   = true

  validation {
    condition     = can(regex("^[A-Za-z0-9_+=.@:/-]+$", var.external_id)) && length(var.external_id) >= 2 && length(var.external_id) <= 1224
    error_message = "external_id must be 2 to 1224 letters, digits or any of _+=.@:/-; STS also accepts a comma, but it would end the id in a CloudFormation list."
  }
}

variable "previous_external_ids" {
  description = "Other external ids that the roles accept while the id is replaced: first the new one, then the old one."
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
  description = "The AWS organisation: the roles trust only its principals, and its accounts may subscribe to the topics. Null if there is none."
  type        = string
  default     = null

  validation {
    condition     = var.organization_id == null || can(regex("^o-[a-z0-9]{10,32}$", var.organization_id))
    error_message = "organization_id must be an id such as o-a1b2c3d4e5, as in the output of `aws organizations describe-organization`."
  }
}

variable "subscriber_account_ids" {
  description = "Accounts that may subscribe to the topics, in addition to those of the organisation."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for id in var.subscriber_account_ids : can(regex("^[0-9]{12}$", id))])
    error_message = "subscriber_account_ids must each be exactly 12 digits, in quotes."
  }

  validation {
    condition     = length(var.subscriber_account_ids) <= 315
    error_message = "subscriber_account_ids must have at most 315 accounts: a CloudFormation parameter is limited to 4,096 characters. For more accounts, set organization_id."
  }
}

variable "role_path" {
  description = "IAM path of every role and policy that the tracker creates, in the hub and in the member accounts, such as /platform/. Only the execution role of self-managed StackSets and its boundary keep /, since StackSets accept that role's name only without a path."
  type        = string
  default     = "/"
  nullable    = false

  validation {
    condition     = can(regex("^/([A-Za-z0-9+=,.@_-]+/)*$", var.role_path))
    error_message = "role_path must begin and end with a slash, with letters, digits or any of +=,.@_- between slashes, such as /platform/."
  }

  validation {
    condition     = length(var.role_path) <= 40
    error_message = "role_path must have at most 40 characters: a policy contains the ARNs of 50 accounts' roles, each with the path."
  }
}

variable "permissions_boundary" {
  description = "Permissions boundary of every role that the tracker creates: the name of a policy that exists in the hub and in every member account, with its path if it has one (boundaries/team), the ARN of that policy in the hub account, or the ARN of a policy of AWS."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary == null || can(regex("^(arn:[a-z-]+:iam::([0-9]{12}|aws):policy/)?([A-Za-z0-9+=,.@_-]+/)*[A-Za-z0-9+=,.@_-]{1,128}$", var.permissions_boundary))
    error_message = "permissions_boundary must be the name of a policy (team), its path and name (boundaries/team), its ARN in the hub account (arn:aws:iam::111122223333:policy/boundaries/team), or the ARN of a policy of AWS (arn:aws:iam::aws:policy/PowerUserAccess)."
  }
}

# --- People

variable "create_access_policies" {
  description = "Whether to create the IAM policies <name_prefix>-read-only and <name_prefix>-operator, to attach to the roles of people who use the commands of ami-tracker."
  type        = bool
  default     = true
  nullable    = false
}

# --- Report page and feed

variable "site" {
  description = "The report page and the feed in a private S3 bucket, which a function writes on a schedule. enabled: whether to create it; if it is disabled again, the bucket is deleted with its content. interval_minutes: time between two runs. bucket_name: null for <name_prefix>-site-<account>-<region>. key_prefix: prefix of all keys, such as images/. lag_hours and releases: as the options of the commands report and feed. memory_mb: memory of the function. old_versions_days: days until replaced and deleted objects expire. access_log_bucket: an existing bucket for access logs. bucket_policy: more statements of the bucket policy in JSON, for CloudFront or a VPC endpoint."
  type = object({
    enabled           = optional(bool, false)
    interval_minutes  = optional(number, 60)
    bucket_name       = optional(string)
    key_prefix        = optional(string, "")
    lag_hours         = optional(number, 72)
    releases          = optional(number, 10)
    memory_mb         = optional(number, 1024)
    old_versions_days = optional(number, 30)
    access_log_bucket = optional(string)
    bucket_policy     = optional(string)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.site.interval_minutes >= 15 && var.site.interval_minutes <= 1440 && floor(var.site.interval_minutes) == var.site.interval_minutes
    error_message = "site.interval_minutes must be a whole number from 15 to 1440."
  }

  validation {
    condition     = var.site.bucket_name == null ? true : can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.site.bucket_name))
    error_message = "site.bucket_name must be 3 to 63 lower-case letters, digits, dots or hyphens, and begin and end with a letter or digit."
  }

  validation {
    condition     = can(regex("^([A-Za-z0-9_-][A-Za-z0-9_.-]*/)*$", var.site.key_prefix))
    error_message = "site.key_prefix must be empty, or end with a slash, such as images/."
  }

  validation {
    condition     = var.site.lag_hours >= 1 && var.site.lag_hours <= 8760 && floor(var.site.lag_hours) == var.site.lag_hours
    error_message = "site.lag_hours must be a whole number from 1 to 8760."
  }

  validation {
    condition     = var.site.releases >= 1 && var.site.releases <= 100 && floor(var.site.releases) == var.site.releases
    error_message = "site.releases must be a whole number from 1 to 100."
  }

  validation {
    condition     = var.site.memory_mb >= 256 && var.site.memory_mb <= 10240 && floor(var.site.memory_mb) == var.site.memory_mb
    error_message = "site.memory_mb must be a whole number from 256 to 10240."
  }

  validation {
    condition     = var.site.old_versions_days >= 1 && floor(var.site.old_versions_days) == var.site.old_versions_days
    error_message = "site.old_versions_days must be a whole number, 1 or more."
  }

  validation {
    condition     = var.site.access_log_bucket == null ? true : can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.site.access_log_bucket))
    error_message = "site.access_log_bucket must be the name of a bucket."
  }

  validation {
    condition     = var.site.bucket_policy == null ? true : can(jsondecode(var.site.bucket_policy).Statement)
    error_message = "site.bucket_policy must be a policy document in JSON, with Statement."
  }
}

# --- Deployment to the member accounts

variable "stack_set_model" {
  description = "How roles and topics are deployed to the member accounts: SELF_MANAGED (StackSets to the accounts of regions.yaml), SERVICE_MANAGED (StackSets to organisational units, including new accounts) or NONE (by hand, from infra/cloudformation)."
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
  description = "Percentage of a region's accounts, rounded down, in which a StackSet operation may fail before it stops: 10 allows one failure in 10 to 19 accounts, and none in fewer. The operation deploys to the same number of accounts at once, and to at least one."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.stack_set_failure_tolerance_percent >= 0 && var.stack_set_failure_tolerance_percent <= 100 && floor(var.stack_set_failure_tolerance_percent) == var.stack_set_failure_tolerance_percent
    error_message = "stack_set_failure_tolerance_percent must be a whole number from 0 to 100."
  }
}

variable "stack_set_region_order" {
  description = "Regions of regions.yaml in the order in which an update of all topics deploys them, one after the other (provider 5.100 does not send the order: AWS chooses one). If it stops in one, the following regions are not updated. Empty: all regions at once."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(distinct(var.stack_set_region_order)) == length(var.stack_set_region_order)
    error_message = "stack_set_region_order must name each region once."
  }
}

variable "stack_set_administration_role_arn" {
  description = "An existing role of the hub account for self-managed StackSets. Null: a role is created."
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
  description = "Whether the topics are FIFO topics, which deliver an image's events in order and exactly once to FIFO queues."
  type        = bool
  default     = false
  nullable    = false
}

# --- Protection

variable "table_name" {
  description = "Name of the table: only for a table that was restored from a backup and imported (see the runbook). Null: name_prefix. Another name without an import replaces the table and deletes the history."
  type        = string
  default     = null

  validation {
    condition     = var.table_name == null || can(regex("^[A-Za-z0-9_.-]{3,255}$", var.table_name))
    error_message = "table_name must be 3 to 255 letters, digits or any of _.-"
  }
}

variable "kms_key_arn" {
  description = "A customer key in the hub's region for all resources that support encryption; its key policy must contain the statements of modules/key. If it is set, the topics get their own customer keys. Null: AWS's keys, free of charge."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key, not of an alias."
  }
}

variable "deletion_protection" {
  description = "Whether the table is protected against deletion."
  type        = bool
  default     = true
  nullable    = false
}

# --- Alarms

variable "alarm_emails" {
  description = "Email addresses for alarms; each must confirm its subscription."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for address in var.alarm_emails : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", address))])
    error_message = "alarm_emails must each be an email address."
  }
}

variable "alarm_topic_arn" {
  description = "An existing SNS topic for alarms, in the hub's region; CloudWatch must be allowed to publish to it. Null: a topic is created."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_topic_arn == null || can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$", var.alarm_topic_arn))
    error_message = "alarm_topic_arn must be the ARN of a standard SNS topic, not of a FIFO one."
  }
}

variable "alarm_topic_arns" {
  description = "Existing SNS topics for alarms, in addition to alarm_topic_arn: each alarm is sent to all of them. If neither is set, a topic is created."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.alarm_topic_arns : can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$", arn))])
    error_message = "alarm_topic_arns must each be the ARN of a standard SNS topic, not of a FIFO one."
  }
}

variable "round_alarm_minutes" {
  description = "Minutes without a finished round before the alarm, and without a lookup result before a pair is stale: at least twice the longest time between two rounds of schedule_expression, to tolerate one failed round."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.round_alarm_minutes >= 15 && var.round_alarm_minutes <= 10080 && floor(var.round_alarm_minutes) == var.round_alarm_minutes
    error_message = "round_alarm_minutes must be a whole number from 15 to 10080 (a week, CloudWatch's limit)."
  }
}

variable "images_never_found_threshold" {
  description = "Number of images that may have been found in no region with their current lookup before the alarm."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.images_never_found_threshold >= 0 && floor(var.images_never_found_threshold) == var.images_never_found_threshold
    error_message = "images_never_found_threshold must be a whole number, 0 or more."
  }
}

variable "pairs_failing_percent" {
  description = "Percentage of all pairs that may fail in two rounds before the alarm, by cause: throttling (including time-outs), access (roles, policies, disabled regions), image (no such image in the region, or no usable result), other. 0: a single pair causes the alarm. 100: no alarm."
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
  description = "Percentage of all pairs that may be stale before the alarm. 0: a single pair causes the alarm."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.pairs_stale_percent >= 0 && var.pairs_stale_percent <= 100
    error_message = "pairs_stale_percent must be a number from 0 to 100."
  }
}

variable "targets_failing_threshold" {
  description = "Number of targets (an account and a region) in which all pairs may fail before the alarm."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.targets_failing_threshold >= 0 && floor(var.targets_failing_threshold) == var.targets_failing_threshold
    error_message = "targets_failing_threshold must be a whole number, 0 or more."
  }
}

variable "rows_unreadable_threshold" {
  description = "Number of unreadable rows in the table before the alarm."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.rows_unreadable_threshold >= 0 && floor(var.rows_unreadable_threshold) == var.rows_unreadable_threshold
    error_message = "rows_unreadable_threshold must be a whole number, 0 or more."
  }
}
