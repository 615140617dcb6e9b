variable "topic_arn" {
  description = "ARN of the tracker's FIFO topic in a region; requires a tracker with fifo_topics = true."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+\\.fifo$", var.topic_arn))
    error_message = "topic_arn must be the ARN of a FIFO topic, such as arn:aws:sns:eu-west-1:111122223333:ami-tracker-releases.fifo."
  }
}

variable "image_names" {
  description = "Only these images, by their names in tracked_images/. Empty: all images."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for name in var.image_names : can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$", name))])
    error_message = "image_names must be names of tracked images: letters, digits and any of ._-."
  }
}

variable "name" {
  description = "Name of the queue, without .fifo; its dead-letter queue has the suffix -undelivered."
  type        = string
  default     = "ami-releases"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,63}$", var.name))
    error_message = "name must be 1 to 63 letters, digits, hyphens or underscores."
  }
}
