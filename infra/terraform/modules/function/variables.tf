variable "name" {
  description = "Name of the function, of its role, and of its log group below /aws/lambda/."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,64}$", var.name))
    error_message = "name must be 1 to 64 letters, digits, underscores or hyphens."
  }
}

variable "description" {
  description = "Description of the function, shown in the console."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = length(var.description) <= 256
    error_message = "description must have at most 256 characters."
  }
}

variable "package" {
  description = "Path of the function's zip."
  type        = string

  validation {
    condition     = fileexists(var.package)
    error_message = "package must be the path of an existing zip: run `make package` first."
  }
}

variable "handler" {
  description = "The function within the package, such as services.lookup.handler.handler."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_.]+\\.[A-Za-z0-9_]+$", var.handler))
    error_message = "handler must be a module and a function, separated by dots."
  }
}

variable "runtime" {
  description = "Lambda runtime."
  type        = string
  default     = "python3.13"
  nullable    = false

  validation {
    condition     = startswith(var.runtime, "python3.")
    error_message = "runtime must be a Python 3 runtime, such as python3.13."
  }
}

variable "architecture" {
  description = "Processor architecture: arm64 or x86_64."
  type        = string
  default     = "arm64"
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be arm64 or x86_64."
  }
}

variable "memory_mb" {
  description = "Memory in MB, which also determines the share of a processor."
  type        = number
  default     = 512
  nullable    = false

  validation {
    condition     = var.memory_mb >= 128 && var.memory_mb <= 10240
    error_message = "memory_mb must be from 128 to 10240."
  }
}

variable "timeout_seconds" {
  description = "Timeout of an invocation in seconds."
  type        = number

  validation {
    condition     = var.timeout_seconds >= 1 && var.timeout_seconds <= 900
    error_message = "timeout_seconds must be from 1 to 900."
  }
}

variable "maximum_event_age_seconds" {
  description = "Maximum age of an asynchronous event in seconds."
  type        = number
  default     = 900
  nullable    = false

  validation {
    condition     = var.maximum_event_age_seconds >= 60 && var.maximum_event_age_seconds <= 21600
    error_message = "maximum_event_age_seconds must be from 60 to 21600."
  }
}

variable "environment" {
  description = "Environment variables."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "policy" {
  description = "Permissions of the function, as an IAM policy document in JSON; the module adds the permission to write its log."
  type        = string

  validation {
    condition     = can(jsondecode(var.policy))
    error_message = "policy must be a policy document in JSON."
  }
}

variable "assumes" {
  description = "ARNs of the roles, in any account, that the function may assume, at most 550."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.assumes) <= 550
    error_message = "assumes must have at most 550 roles: 50 in the inline policy, and 50 in each of ten managed policies."
  }
}

variable "kms_key_arn" {
  description = "A customer key for the environment and the log. Null: AWS's keys."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key."
  }
}

variable "role_path" {
  description = "IAM path of the role, and of its managed policies."
  type        = string
  default     = "/"
  nullable    = false

  validation {
    condition     = can(regex("^/([A-Za-z0-9+=,.@_-]+/)*$", var.role_path))
    error_message = "role_path must begin and end with a slash, such as /platform/."
  }
}

variable "permissions_boundary_arn" {
  description = "A permissions boundary for the role. Null: none."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:[a-z-]+:iam::", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn must be the ARN of a policy."
  }
}

variable "log_retention_days" {
  description = "Retention of the log in days."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = var.log_retention_days >= 1 && var.log_retention_days <= 3653
    error_message = "log_retention_days must be a number of days that CloudWatch Logs offers, 1 to 3653."
  }
}

variable "tags" {
  description = "Tags of all resources of this module."
  type        = map(string)
  default     = {}
  nullable    = false
}
