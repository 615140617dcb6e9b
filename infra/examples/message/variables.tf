variable "topic_arn" {
  description = "ARN of the tracker's topic in a region. FIFO topics do not invoke functions; use a queue (see ../fifo) as the function's event source."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$", var.topic_arn))
    error_message = "topic_arn must be the ARN of a standard topic, such as arn:aws:sns:eu-west-1:111122223333:ami-tracker-releases."
  }
}

variable "image_names" {
  description = "Images whose events are sent, by their names in tracked_images/."
  type        = list(string)

  validation {
    condition     = length(var.image_names) > 0 && alltrue([for name in var.image_names : can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$", name))])
    error_message = "image_names must contain at least one name of a tracked image: letters, digits and any of ._-."
  }
}

variable "service" {
  description = "Where the messages are sent: github (repository_dispatch), slack (incoming webhook) or teams (webhook of Workflows)."
  type        = string

  validation {
    condition     = contains(["github", "slack", "teams"], var.service)
    error_message = "service must be github, slack or teams."
  }
}

variable "secret_arn" {
  description = "ARN of a secret in Secrets Manager, in the topic's region: the token for GitHub, or the URL of the webhook."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@!-]+$", var.secret_arn))
    error_message = "secret_arn must be the ARN of a secret, such as arn:aws:secretsmanager:eu-west-1:444455556666:secret:ami-messages-a1b2c3."
  }
}

variable "repository" {
  description = "Repository of GitHub whose workflows run, as owner/name; only for the service github."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([A-Za-z0-9-]+/[A-Za-z0-9._-]+)?$", var.repository))
    error_message = "repository must be owner/name, such as octo-org/images."
  }
}

variable "github_api_url" {
  description = "Address of GitHub's API; for GitHub Enterprise Server https://HOST/api/v3."
  type        = string
  default     = "https://api.github.com"
  nullable    = false

  validation {
    condition     = can(regex("^https://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9/_-]*[A-Za-z0-9_-])?$", var.github_api_url))
    error_message = "github_api_url must begin with https:// and not end with a slash."
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
  default     = "ami-messages"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,57}$", var.name))
    error_message = "name must be 1 to 57 letters, digits, hyphens or underscores."
  }
}
