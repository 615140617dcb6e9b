variable "topic_arns" {
  description = "ARNs of the tracker's topics: one for each account and region, as in the hub's output topic_arns. A new topic adds a subscription and changes no other."
  type        = list(string)

  validation {
    condition     = length(var.topic_arns) > 0 && alltrue([for arn in var.topic_arns : can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$", arn))])
    error_message = "topic_arns must be ARNs of standard topics, at least one, such as arn:aws:sns:eu-west-1:111122223333:ami-tracker-releases; FIFO topics need a FIFO queue, see ../fifo."
  }
}

variable "opt_in_regions" {
  description = "Opt-in regions of the topics, such as ap-east-1, if the queue's region is not an opt-in region: SNS then delivers with a regional service principal."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for region in var.opt_in_regions : can(regex("^[a-z]{2,4}(-[a-z]+){1,3}-[0-9]{1,2}$", region))])
    error_message = "opt_in_regions must be names of regions, such as ap-east-1."
  }
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
  description = "Name of the queue; the stacks of the subscriptions are named after it, with account and region."
  type        = string
  default     = "ami-releases"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9-]{0,79}$", var.name))
    error_message = "name must begin with a letter and be 1 to 80 letters, digits or hyphens, as CloudFormation requires for names of stacks."
  }
}
