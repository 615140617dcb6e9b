data "aws_partition" "current" {}

locals {
  partition    = data.aws_partition.current.partition
  self_managed = var.permission_model == "SELF_MANAGED"

  accounts = sort(distinct(var.targets[*].account_id))
  regions  = sort(distinct(var.targets[*].region))
  units    = distinct(var.organizational_unit_ids)
  topic    = var.fifo ? "${var.topic_name}.fifo" : var.topic_name

  # CloudFormation has no null: an empty parameter means none.
  organization_id      = var.organization_id == null ? "" : var.organization_id
  permissions_boundary = var.permissions_boundary == null ? "" : var.permissions_boundary
  # Prefix of role names in parameters, for roles that have a path.
  path_in_names = trimprefix(var.role_path, "/")

  # This project's execution role creates roles only with a boundary, and its template creates that
  # boundary if none is given. An existing execution role of an organisation has no such policy.
  makes_boundary = local.makes_administration && var.permissions_boundary == null
  roles_boundary = local.makes_boundary ? "${var.name_prefix}-members-boundary" : local.permissions_boundary

  templates = "${path.module}/../../../cloudformation"

  # The same number of accounts at once as may fail: the default concurrency mode
  # STRICT_FAILURE_TOLERANCE allows at most one more. CloudFormation rounds both numbers of accounts
  # down, this one to at least 1.
  # https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackSetOperationPreferences.html
  # This value does not depend on the targets: a new target must not change existing instances.
  concurrent_percent = max(var.failure_tolerance_percent, 1)

  stack_sets = {
    roles = {
      description  = "AMI tracker: the roles that the hub's functions assume, once per account."
      template     = file("${local.templates}/member-roles.yaml")
      capabilities = toset(["CAPABILITY_NAMED_IAM"])
      region_order = null # its instances are in one region
      parameters = tomap({
        HubAccountId        = var.hub_account_id
        LookupRoleName      = "${local.path_in_names}${var.lookup_role_name}"
        AggregatorRoleName  = "${local.path_in_names}${var.aggregator_role_name}"
        ExternalIds         = join(",", var.external_ids)
        OrganizationId      = local.organization_id
        ReadRoleName        = var.read_role_name
        PublishRoleName     = var.publish_role_name
        RolePath            = var.role_path
        PermissionsBoundary = local.roles_boundary
        Regions             = local.self_managed ? var.home_region : join(",", local.regions)
        ParameterPaths      = join(",", sort(var.parameter_paths))
        SharedParameterArns = join(",", sort(var.shared_parameter_arns))
        TopicName           = var.topic_name
        Fifo                = tostring(var.fifo)
      })
    }
    topics = {
      description  = "AMI tracker: the topic of each region."
      template     = file("${local.templates}/region-topic.yaml")
      capabilities = toset([])
      region_order = length(var.region_order) == 0 ? null : var.region_order
      parameters = tomap({
        TopicName            = var.topic_name
        Fifo                 = tostring(var.fifo)
        Encryption           = var.topic_encryption
        PublishRoleName      = "${local.path_in_names}${var.publish_role_name}"
        OrganizationId       = local.organization_id
        SubscriberAccountIds = join(",", sort(var.subscriber_account_ids))
      })
    }
  }

  # A self-managed instance of the roles overrides the StackSet's Regions with those of its account. The
  # value of the StackSet never changes, since each change of it would update every account. A
  # service-managed instance covers many accounts, so its roles name the regions of all targets.
  own_regions = {
    for account in local.accounts :
    account => join(",", sort(distinct([for target in var.targets : target.region if target.account_id == account])))
  }

  # One resource for each stack instance, because the provider's aws_cloudformation_stack_instances
  # ignores `accounts` and deploys to the hub (terraform-provider-aws issue 42172), and reads every
  # instance of its StackSet as its own, so two of them would delete each other's instances.
  # A service-managed instance is for one region of one organizational unit: if its list of units
  # changed, the provider would replace it and delete its topics and subscriptions.
  # `region` is the argument that both provider 5 and 6 have; in 6 it is deprecated.
  instances = {
    roles = (local.self_managed
      ? { for account in local.accounts : account => { account_id = account, unit = null, region = var.home_region } }
      : { for unit in local.units : unit => { account_id = null, unit = unit, region = var.home_region } }
    )
    topics = (local.self_managed
      ? { for target in var.targets : "${target.account_id}/${target.region}" => { account_id = target.account_id, unit = null, region = target.region } }
      : { for pair in setproduct(local.units, local.regions) : join("/", pair) => { account_id = null, unit = pair[0], region = pair[1] } }
    )
  }
}

# --- self-managed: given accounts, with this module's roles

resource "aws_cloudformation_stack_set" "self_managed" {
  for_each = { for name, it in local.stack_sets : name => it if local.self_managed }

  name                    = "${var.name_prefix}-${each.key}"
  description             = each.value.description
  permission_model        = "SELF_MANAGED"
  administration_role_arn = local.administration_role_arn
  execution_role_name     = var.execution_role_name
  template_body           = each.value.template
  parameters              = each.value.parameters
  capabilities            = each.value.capabilities

  managed_execution {
    active = true
  }

  operation_preferences {
    failure_tolerance_percentage = var.failure_tolerance_percent
    max_concurrent_percentage    = local.concurrent_percent
    region_concurrency_type      = each.value.region_order == null ? "PARALLEL" : "SEQUENTIAL"
    region_order                 = each.value.region_order
  }

  tags = var.tags

  timeouts {
    update = "2h"
  }

  # Every operation needs these, including the deletion of the last instance.
  depends_on = [
    aws_iam_role_policy.administration,
    aws_iam_role_policy_attachment.administration_more,
    aws_cloudformation_stack.execution_role,
  ]

  lifecycle {
    precondition {
      condition     = length(var.organizational_unit_ids) == 0
      error_message = "organizational_unit_ids cannot be used with self-managed StackSets, which deploy to the accounts in regions.yaml; remove them, or set stack_set_model to \"SERVICE_MANAGED\"."
    }

    precondition {
      condition     = var.call_as == "SELF"
      error_message = "Self-managed StackSets cannot use a delegated administrator; set stack_set_call_as to \"SELF\", or stack_set_model to \"SERVICE_MANAGED\"."
    }
  }
}

# --- service-managed: organizational units, with the roles that Organizations creates

resource "aws_cloudformation_stack_set" "service_managed" {
  for_each = { for name, it in local.stack_sets : name => it if !local.self_managed }

  name             = "${var.name_prefix}-${each.key}"
  description      = each.value.description
  permission_model = "SERVICE_MANAGED"
  call_as          = var.call_as
  template_body    = each.value.template
  parameters       = each.value.parameters
  capabilities     = each.value.capabilities

  # CloudFormation creates roles and topics in accounts that join a unit, and deletes them in accounts
  # that leave it.
  auto_deployment {
    enabled                          = true
    retain_stacks_on_account_removal = false
  }

  managed_execution {
    active = true
  }

  operation_preferences {
    failure_tolerance_percentage = var.failure_tolerance_percent
    max_concurrent_percentage    = local.concurrent_percent
    region_concurrency_type      = each.value.region_order == null ? "PARALLEL" : "SEQUENTIAL"
    region_order                 = each.value.region_order
  }

  tags = var.tags

  timeouts {
    update = "2h"
  }

  lifecycle {
    # AWS sets it, and providers before 2026 plan to remove it:
    # https://github.com/hashicorp/terraform-provider-aws/issues/23464
    ignore_changes = [administration_role_arn]

    precondition {
      condition     = length(var.organizational_unit_ids) > 0
      error_message = "Service-managed StackSets deploy to organizational units; name at least one (or the root) in organizational_unit_ids, or set stack_set_model to \"SELF_MANAGED\"."
    }

    precondition {
      condition     = var.administration_role_arn == null
      error_message = "Service-managed StackSets do not use an administration role; remove stack_set_administration_role_arn."
    }
  }
}

check "management_account" {
  assert {
    condition     = local.self_managed || var.call_as == "DELEGATED_ADMIN" || !contains(local.accounts, var.hub_account_id)
    error_message = "Service-managed StackSets never deploy to the organisation's management account, here ${var.hub_account_id}: for its targets, deploy infra/cloudformation/member-roles.yaml and region-topic.yaml by hand."
  }
}

# Measured plan times are in infra/README.md.
check "self_managed_instances" {
  assert {
    condition     = !local.self_managed || length(local.instances.topics) <= local.instances_without_warning
    error_message = "stack_set_model = \"SELF_MANAGED\" with ${length(local.instances.topics)} accounts and regions: each is a Terraform resource and a StackSet operation of about a minute, so with more than ${local.instances_without_warning} a first deployment can take hours, and each plan reads every one. List fewer accounts in regions.yaml (one account for each region is enough for public images), or set stack_set_model to \"SERVICE_MANAGED\" in an organisation."
  }
}

# --- the stack instances

locals {
  instances_without_warning = 300

  stack_set_names = {
    for name, it in merge(aws_cloudformation_stack_set.self_managed, aws_cloudformation_stack_set.service_managed) : name => it.name
  }
}

resource "aws_cloudformation_stack_set_instance" "roles" {
  for_each = local.instances.roles

  stack_set_name = local.stack_set_names.roles
  account_id     = each.value.account_id
  region         = each.value.region
  call_as        = var.call_as

  parameter_overrides = local.self_managed ? { Regions = local.own_regions[each.value.account_id] } : null

  dynamic "deployment_targets" {
    for_each = each.value.unit == null ? [] : [each.value.unit]

    content {
      organizational_unit_ids = [deployment_targets.value]
    }
  }

  operation_preferences {
    failure_tolerance_percentage = var.failure_tolerance_percent
    max_concurrent_percentage    = local.concurrent_percent
  }

  timeouts {
    create = "2h"
    update = "2h"
    delete = "2h"
  }

  lifecycle {
    # Only the operation that creates an instance uses them, and the provider's update of them fails
    # for organizational units: https://github.com/hashicorp/terraform-provider-aws/issues/40675
    ignore_changes = [operation_preferences]
  }
}

resource "aws_cloudformation_stack_set_instance" "topics" {
  for_each = local.instances.topics

  stack_set_name = local.stack_set_names.topics
  account_id     = each.value.account_id
  region         = each.value.region
  call_as        = var.call_as

  dynamic "deployment_targets" {
    for_each = each.value.unit == null ? [] : [each.value.unit]

    content {
      organizational_unit_ids = [deployment_targets.value]
    }
  }

  operation_preferences {
    failure_tolerance_percentage = var.failure_tolerance_percent
    max_concurrent_percentage    = local.concurrent_percent
  }

  timeouts {
    create = "2h"
    update = "2h"
    delete = "2h"
  }

  lifecycle {
    ignore_changes = [operation_preferences] # as above
  }
}

# --- self-managed: the administration role, and the execution role of the hub account

locals {
  makes_administration = local.self_managed && var.administration_role_arn == null
  administration_name  = "${var.name_prefix}-stackset-administration"
  administration_role_arn = (local.makes_administration
    ? "arn:${local.partition}:iam::${var.hub_account_id}:role${var.role_path}${local.administration_name}"
    : var.administration_role_arn
  )

  administration_boundary = (var.permissions_boundary == null || can(regex("^arn:", var.permissions_boundary))
    ? var.permissions_boundary
    : "arn:${local.partition}:iam::${var.hub_account_id}:policy/${var.permissions_boundary}"
  )

  # For every target account. The role has no path: StackSets accept only its name, not an ARN.
  # https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStackSet.html
  execution_role_parameters = {
    HubAccountId           = var.hub_account_id
    AdministrationRoleName = "${local.path_in_names}${local.administration_name}"
    ExecutionRoleName      = var.execution_role_name
    PermissionsBoundary    = local.permissions_boundary
    StackSetPrefix         = var.name_prefix
    ReadRoleName           = "${local.path_in_names}${var.read_role_name}"
    PublishRoleName        = "${local.path_in_names}${var.publish_role_name}"
    ParameterPaths         = join(",", sort(var.parameter_paths))
    SharedParameterArns    = join(",", sort(var.shared_parameter_arns))
    TopicName              = var.topic_name
    Encryption             = var.topic_encryption
  }

  # Regions that are enabled by default. In all others, StackSets uses a regional service principal:
  # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-opt-in-regions.html
  # The list is complete: regions added since March 2019 must be enabled.
  regions_by_default = toset([
    "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1",
    "ap-southeast-2", "ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2",
    "eu-west-3", "sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2",
  ])
  regions_to_enable = local.partition == "aws" ? setsubtract(concat(local.regions, [var.home_region]), local.regions_by_default) : []
}

data "aws_iam_policy_document" "administration_trust" {
  statement {
    sid     = "TheseStackSetsAlone"
    actions = ["sts:AssumeRole"]

    principals {
      type = "Service"
      identifiers = concat(
        ["cloudformation.amazonaws.com"],
        [for region in sort(local.regions_to_enable) : "cloudformation.${region}.amazonaws.com"],
      )
    }

    # Otherwise a StackSet of another account could use this role through CloudFormation.
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.hub_account_id]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = [for name in keys(local.stack_sets) : "arn:${local.partition}:cloudformation:*:${var.hub_account_id}:stackset/${var.name_prefix}-${name}:*"]
    }
  }
}

# Limits: 10,240 characters for a role's inline policies, 6,144 for a managed policy. Either can contain
# 50 ARNs.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
locals {
  execution_roles = chunklist(
    [for account in local.accounts : "arn:${local.partition}:iam::${account}:role/${var.execution_role_name}"], 50
  )
  more_execution_roles = local.makes_administration ? slice(local.execution_roles, 1, length(local.execution_roles)) : []
}

data "aws_iam_policy_document" "administration" {
  statement {
    sid       = "DeployToTheTargets"
    actions   = ["sts:AssumeRole"]
    resources = local.execution_roles[0]
  }
}

data "aws_iam_policy_document" "administration_more" {
  count = length(local.more_execution_roles)

  statement {
    sid       = "DeployToTheTargets"
    actions   = ["sts:AssumeRole"]
    resources = local.more_execution_roles[count.index]
  }
}

resource "aws_iam_role" "administration" {
  count = local.makes_administration ? 1 : 0

  name                 = local.administration_name
  path                 = var.role_path
  description          = "Lets the StackSets ${var.name_prefix}-roles and ${var.name_prefix}-topics deploy to the target accounts."
  assume_role_policy   = data.aws_iam_policy_document.administration_trust.json
  permissions_boundary = local.administration_boundary
  tags                 = var.tags
}

resource "aws_iam_role_policy" "administration" {
  count = local.makes_administration ? 1 : 0

  name   = "deploy-to-the-targets"
  role   = aws_iam_role.administration[0].name
  policy = data.aws_iam_policy_document.administration.json
}

resource "aws_iam_policy" "administration_more" {
  count = length(local.more_execution_roles)

  name        = "${local.administration_name}-${count.index + 2}"
  path        = var.role_path
  description = "More accounts that ${local.administration_name} may deploy to."
  policy      = data.aws_iam_policy_document.administration_more[count.index].json
  tags        = var.tags
}

resource "aws_iam_role_policy_attachment" "administration_more" {
  count = length(local.more_execution_roles)

  role       = aws_iam_role.administration[0].name
  policy_arn = aws_iam_policy.administration_more[count.index].arn
}

# Every target account needs this role; Terraform can create only the hub's own.
resource "aws_cloudformation_stack" "execution_role" {
  # checkov:skip=CKV_AWS_124:Terraform waits for the stack and reports its errors.
  count = local.makes_administration && contains(local.accounts, var.hub_account_id) ? 1 : 0

  name          = "${var.name_prefix}-stackset-execution"
  template_body = file("${local.templates}/stackset-execution-role.yaml")
  capabilities  = ["CAPABILITY_NAMED_IAM"]
  parameters    = local.execution_role_parameters

  tags = var.tags
}
