variable "topic_arn" {
  description = "ARN of the tracker's topic in a region. FIFO topics do not invoke functions; use a queue (see ../fifo) as the function's event source."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$", var.topic_arn))
    error_message = "topic_arn must be the ARN of a standard topic, such as arn:aws:sns:eu-west-1:111122223333:ami-tracker-releases."
  }
}

variable "image_names" {
  description = "Images that start the pipeline, by their names in tracked_images/."
  type        = list(string)

  validation {
    condition     = length(var.image_names) > 0 && alltrue([for name in var.image_names : can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$", name))])
    error_message = "image_names must contain at least one name of a tracked image: letters, digits and any of ._-."
  }
}

variable "pipeline_arn" {
  description = "ARN of the pipeline to start: a CodePipeline of type V2 that declares the variables IMAGE_NAME, IMAGE_ID and IMAGE_REGION."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:codepipeline:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9.@_-]{1,100}$", var.pipeline_arn))
    error_message = "pipeline_arn must be the ARN of a pipeline, such as arn:aws:codepipeline:eu-west-1:444455556666:rebuild."
  }
}

variable "package" {
  description = "Path of a zip with handler.py at its root."
  type        = string
  default     = "function.zip"
  nullable    = false
}

variable "name" {
  description = "Name of the function, and prefix of the names of its table, role and dead-letter queue."
  type        = string
  default     = "ami-releases"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,57}$", var.name))
    error_message = "name must be 1 to 57 letters, digits, hyphens or underscores."
  }
}
