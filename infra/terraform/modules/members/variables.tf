# --- names and locations

variable "name_prefix" {
  description = "Prefix of the names of the StackSets and their roles."
  type        = string
}

variable "hub_account_id" {
  description = "The account of the functions and the StackSets."
  type        = string
}

variable "home_region" {
  description = "The region of the StackSets and of the roles' stacks in every account: the provider's region."
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

# --- resources in the accounts

variable "lookup_role_name" {
  description = "The role of the lookup function; only this role may assume the read roles."
  type        = string
}

variable "aggregator_role_name" {
  description = "The role of the aggregator function; only this role may assume the publish roles."
  type        = string
}

variable "read_role_name" {
  description = "Name of the role in every account for looking up images."
  type        = string
}

variable "publish_role_name" {
  description = "Name of the role in every account for publishing."
  type        = string
}

variable "topic_name" {
  description = "Name of the topic in every region of every account, without `.fifo`."
  type        = string
}

variable "fifo" {
  description = "Whether the topics are FIFO topics, whose names end in `.fifo`."
  type        = bool
  default     = false
}

variable "external_ids" {
  description = "The external ids that the roles accept: two during a rotation."
  type        = list(string)
}

variable "organization_id" {
  description = "The organisation of the hub account, whose accounts may subscribe; null for none."
  type        = string
  default     = null
}

variable "subscriber_account_ids" {
  description = "Accounts outside the organisation that may subscribe."
  type        = list(string)
  default     = []
}

variable "parameter_paths" {
  description = "Parameters of the accounts that contain image ids, such as `/golden/*`, in addition to the public ones."
  type        = list(string)
  default     = []
}

variable "shared_parameter_arns" {
  description = "ARNs of parameters with image ids that other accounts share with the accounts, such as `arn:aws:ssm:eu-west-1:111122223333:parameter/golden/*`."
  type        = list(string)
  default     = []
}

variable "role_path" {
  description = "The IAM path of the roles in the hub and in the accounts."
  type        = string
  default     = "/"
}

variable "permissions_boundary" {
  description = "Permissions boundary of the roles in every account: the name of a policy, with its path if it has one, or the ARN of a policy of AWS. Null: the boundary that the template of the execution role creates; with another execution role, none."
  type        = string
  default     = null
}

variable "topic_encryption" {
  description = "`aws-managed` for each account's AWS managed key for SNS, `customer-key` for a customer key for each topic."
  type        = string
  default     = "aws-managed"

  validation {
    condition     = contains(["aws-managed", "customer-key"], var.topic_encryption)
    error_message = "topic_encryption must be \"aws-managed\" or \"customer-key\"."
  }
}

# --- StackSet settings

variable "permission_model" {
  description = "`SELF_MANAGED` deploys to the accounts of the targets, `SERVICE_MANAGED` to organizational units."
  type        = string

  validation {
    condition     = contains(["SELF_MANAGED", "SERVICE_MANAGED"], var.permission_model)
    error_message = "permission_model must be \"SELF_MANAGED\" or \"SERVICE_MANAGED\"."
  }
}

variable "organizational_unit_ids" {
  description = "`SERVICE_MANAGED`: the organizational units (or the root) whose accounts, including future ones, get roles and topics."
  type        = list(string)
  default     = []
}

variable "call_as" {
  description = "`SERVICE_MANAGED`: `SELF` in the organisation's management account, `DELEGATED_ADMIN` in its delegated administrator for StackSets."
  type        = string
  default     = "SELF"

  validation {
    condition     = contains(["SELF", "DELEGATED_ADMIN"], var.call_as)
    error_message = "call_as must be \"SELF\" or \"DELEGATED_ADMIN\"."
  }
}

variable "administration_role_arn" {
  description = "`SELF_MANAGED`: the role that StackSets use in the hub account; null creates it, and the execution role of the hub account if that is a target."
  type        = string
  default     = null
}

variable "execution_role_name" {
  description = "`SELF_MANAGED`: the role that StackSets use in every target account."
  type        = string
}

variable "failure_tolerance_percent" {
  description = "Percentage of a region's accounts, rounded down, in which an operation may fail before it stops. It deploys to the same number of accounts at once, and to at least one."
  type        = number
  default     = 10

  validation {
    condition     = var.failure_tolerance_percent >= 0 && var.failure_tolerance_percent <= 100 && floor(var.failure_tolerance_percent) == var.failure_tolerance_percent
    error_message = "failure_tolerance_percent must be a whole number from 0 to 100."
  }
}

variable "region_order" {
  description = "Regions in the order in which an update of all topics deploys them, one after the other (provider 5.100 does not send the order: AWS chooses one). Empty: all regions at once."
  type        = list(string)
  default     = []
}

variable "tags" {
  description = "Tags of the StackSets and of the resources in their stacks."
  type        = map(string)
  default     = {}
}
