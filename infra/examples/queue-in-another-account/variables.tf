variable "topic_arn" {
  description = "ARN of the tracker's topic in a region; its account and region can differ from yours."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$", var.topic_arn))
    error_message = "topic_arn must be the ARN of a standard topic, such as arn:aws:sns:eu-west-1:111122223333:ami-tracker-releases; see ../fifo for a FIFO one."
  }
}

variable "topic_region_is_opt_in" {
  description = "Whether the topic is in an opt-in region, such as ap-east-1, and the queue is not: SNS then delivers with a regional service principal."
  type        = bool
  default     = false
  nullable    = false
}

variable "image_names" {
  description = "Images whose events the queue receives, by their names in tracked_images/."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for name in var.image_names : can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$", name))])
    error_message = "image_names must be names of tracked images: letters, digits and any of ._-; use image_name_prefixes for prefixes."
  }
}

variable "image_name_prefixes" {
  description = "Prefixes of the names of images whose events the queue receives, such as al2023-eks-."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for prefix in var.image_name_prefixes : can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$", prefix))])
    error_message = "image_name_prefixes must be prefixes without a wildcard: letters, digits and any of ._-."
  }
}

variable "kinds" {
  description = "Kinds of events that the queue receives; only the kinds in an image's Announce list are announced."
  type        = list(string)
  default     = ["release", "rollback"]
  nullable    = false

  validation {
    condition     = length(var.kinds) > 0 && length(setsubtract(var.kinds, ["baseline", "release", "rollback", "reconfigured"])) == 0
    error_message = "kinds must be one or more of baseline, release, rollback, reconfigured."
  }
}

variable "name" {
  description = "Name of the queue; its dead-letter queue has the suffix -undelivered."
  type        = string
  default     = "ami-releases"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,68}$", var.name))
    error_message = "name must be 1 to 68 letters, digits, hyphens or underscores."
  }
}
