# --- where

variable "name_prefix" {
  description = "What the names of the StackSets and of their roles begin with."
  type        = string
}

variable "hub_account_id" {
  description = "The account in which the functions run, and in which the StackSets are made."
  type        = string
}

variable "home_region" {
  description = "The region in which the StackSets are made, and the roles in every account: the provider's."
  type        = string
}

variable "targets" {
  description = "The accounts and regions in which images are looked up and announced."
  type        = list(object({ account_id = string, region = string }))

  validation {
    condition     = length(var.targets) > 0
    error_message = "There must be at least one target; add a region to regions.yaml."
  }
}

# --- what is made there

variable "lookup_role_name" {
  description = "The role of the lookup function: it alone may assume the read roles."
  type        = string
}

variable "aggregator_role_name" {
  description = "The role of the aggregator function: it alone may assume the publish roles."
  type        = string
}

variable "read_role_name" {
  description = "The role to make in every account for looking up images."
  type        = string
}

variable "publish_role_name" {
  description = "The role to make in every account for publishing."
  type        = string
}

variable "topic_name" {
  description = "The topic to make in every region of every account, without `.fifo`."
  type        = string
}

variable "fifo" {
  description = "Whether the topics are FIFO topics, whose names end in `.fifo`."
  type        = bool
  default     = false
}

variable "external_ids" {
  description = "The external ids that the roles accept: two while one is being rotated."
  type        = list(string)
}

variable "organization_id" {
  description = "The organisation of the hub account, whose accounts may subscribe; null for none."
  type        = string
  default     = null
}

variable "subscriber_account_ids" {
  description = "Accounts outside the organisation that may subscribe too."
  type        = list(string)
  default     = []
}

variable "parameter_paths" {
  description = "Parameters of the accounts' own that hold image ids, such as `/golden/*`, beside the public ones."
  type        = list(string)
  default     = []
}

variable "role_path" {
  description = "The IAM path of the hub's roles, and of the roles to make."
  type        = string
  default     = "/"
}

variable "permissions_boundary" {
  description = "A policy of this name, with its path if it has one, bounds the roles in every account; or the ARN of a policy of AWS. Null: with an execution role of ours the boundary that its template makes, else none."
  type        = string
  default     = null
}

variable "topic_encryption" {
  description = "`aws-managed` for each account's key for SNS, `customer-key` for a key of each topic's own."
  type        = string
  default     = "aws-managed"

  validation {
    condition     = contains(["aws-managed", "customer-key"], var.topic_encryption)
    error_message = "topic_encryption must be \"aws-managed\" or \"customer-key\"."
  }
}

# --- how

variable "permission_model" {
  description = "`SELF_MANAGED` deploys to the accounts of the targets, `SERVICE_MANAGED` to organizational units."
  type        = string

  validation {
    condition     = contains(["SELF_MANAGED", "SERVICE_MANAGED"], var.permission_model)
    error_message = "permission_model must be \"SELF_MANAGED\" or \"SERVICE_MANAGED\"."
  }
}

variable "organizational_unit_ids" {
  description = "`SERVICE_MANAGED`: the organizational units (or the root) whose accounts get roles and topics, now and whenever they join."
  type        = list(string)
  default     = []
}

variable "call_as" {
  description = "`SERVICE_MANAGED`: `SELF` in the organisation's management account, `DELEGATED_ADMIN` in an account that administers StackSets for it."
  type        = string
  default     = "SELF"

  validation {
    condition     = contains(["SELF", "DELEGATED_ADMIN"], var.call_as)
    error_message = "call_as must be \"SELF\" or \"DELEGATED_ADMIN\"."
  }
}

variable "administration_role_arn" {
  description = "`SELF_MANAGED`: the role that StackSets use in the hub account; null makes one, and the execution role of the hub account if that is a target."
  type        = string
  default     = null
}

variable "execution_role_name" {
  description = "`SELF_MANAGED`: the role that StackSets use in every target account."
  type        = string
}

variable "failure_tolerance_percent" {
  description = "In how many per cent of a region's accounts an operation may fail before it stops, rounded down. It works in as many accounts at once, in one at least."
  type        = number
  default     = 10

  validation {
    condition     = var.failure_tolerance_percent >= 0 && var.failure_tolerance_percent <= 100 && floor(var.failure_tolerance_percent) == var.failure_tolerance_percent
    error_message = "failure_tolerance_percent must be a whole number from 0 to 100."
  }
}

variable "region_order" {
  description = "The regions in which an update of all topics works one after the other, in this order (which provider 5.100 does not send: AWS chooses one). Empty: in all regions at once."
  type        = list(string)
  default     = []
}

variable "tags" {
  description = "Tags of the StackSets; CloudFormation puts them on what they make, too."
  type        = map(string)
  default     = {}
}
