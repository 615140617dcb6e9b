variable "topic_arn" {
  description = "ARN of the tracker's topic in a region. FIFO topics do not support email."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$", var.topic_arn))
    error_message = "topic_arn must be the ARN of a standard topic, such as arn:aws:sns:eu-west-1:111122223333:ami-tracker-releases."
  }
}

variable "address" {
  description = "Email address for the events."
  type        = string

  validation {
    condition     = can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.address))
    error_message = "address must be an email address."
  }
}

variable "image_names" {
  description = "Only these images, by their names in tracked_images/. Empty: all images."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for name in var.image_names : can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$", name))])
    error_message = "image_names must be names of tracked images: letters, digits and any of ._-; this example does not support prefixes."
  }
}
