data "aws_partition" "current" {}

data "aws_region" "current" {}

# All other resources depend on the caller's identity, so Terraform reports problems across variables
# before it calls AWS. A `validation` block can refer to other variables only from Terraform 1.9 on.
data "aws_caller_identity" "current" {
  lifecycle {
    postcondition {
      condition     = local.boundary_account == null || (contains([self.account_id, "aws"], coalesce(local.boundary_account, "-")) && local.boundary_partition == local.partition)
      error_message = "permissions_boundary is ${coalesce(var.permissions_boundary, "null")}, a policy of another account or partition. A role's boundary must be in the role's own account, here ${self.account_id} in ${local.partition}: give the policy's path and name, such as boundaries/team."
    }

    precondition {
      condition     = length(local.regions_problems) == 0
      error_message = join("\n", local.regions_problems)
    }

    precondition {
      condition     = length(local.package_problems) == 0
      error_message = join("\n", local.package_problems)
    }

    precondition {
      condition     = (var.stack_set_model == "SERVICE_MANAGED") == (length(var.organizational_unit_ids) > 0)
      error_message = "organizational_unit_ids must be set with stack_set_model = \"SERVICE_MANAGED\", and only then: self-managed StackSets deploy to the accounts of regions.yaml."
    }

    precondition {
      condition     = var.stack_set_model == "SERVICE_MANAGED" || var.stack_set_call_as == "SELF"
      error_message = "stack_set_call_as = \"DELEGATED_ADMIN\" requires stack_set_model = \"SERVICE_MANAGED\"."
    }

    precondition {
      condition     = var.stack_set_model != "SERVICE_MANAGED" || var.organization_id != null
      error_message = "organization_id must be set with stack_set_model = \"SERVICE_MANAGED\": the roles of an organisation should trust only its own principals."
    }

    precondition {
      condition     = length(local.targets) == 0 || length(setsubtract(var.stack_set_region_order, local.target_regions)) == 0
      error_message = "stack_set_region_order names ${join(" and ", setsubtract(var.stack_set_region_order, local.target_regions))}, but ${local.regions_name} does not; remove it from the order, or add it to the file."
    }

    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    precondition {
      condition     = length(join(",", concat([var.external_id], var.previous_external_ids))) <= 1224
      error_message = "external_id and previous_external_ids must have at most 1224 characters together: each role's trust policy contains all of them, and is limited to 2,048 characters."
    }

    # The boundary of the roles, a managed policy of at most 6,144 characters, contains both lists.
    precondition {
      condition     = local.parameter_characters <= 4096
      error_message = "parameter_paths and shared_parameter_arns need ${local.parameter_characters} characters in an IAM policy (26 more for each name, 3 more for each ARN), but may need at most 4,096 together. Name all parameters below a path at once, such as /golden/*."
    }

    # IAM refuses a policy that names an ARN of another partition.
    precondition {
      condition     = length(local.foreign_parameters) == 0
      error_message = "shared_parameter_arns: ${join(" and ", local.foreign_parameters)} is not in the hub's partition, ${local.partition}. Parameters are not shared across partitions; remove it."
    }

    precondition {
      condition     = length(local.given_alarm_topic_arns) == 0 || length(var.alarm_emails) == 0
      error_message = "alarm_emails are subscribed only to the topic that this module creates; with alarm_topic_arn or alarm_topic_arns, subscribe them to those topics yourself."
    }

    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    precondition {
      condition     = length(local.given_alarm_topic_arns) <= 5
      error_message = "alarm_topic_arn and alarm_topic_arns must name at most 5 topics together, the limit of a CloudWatch alarm."
    }

    precondition {
      condition     = length(local.round_gaps) > 0
      error_message = "schedule_expression is ${var.schedule_expression}, but the longest time between two of its rounds cannot be computed, so no alarm could detect a missing round. In cron(…), use numbers, lists, ranges and steps for minutes and hours, and days of the week (MON-FRI); use * for days of the month, months and years."
    }

    precondition {
      condition     = var.round_alarm_minutes >= 2 * local.interval_minutes
      error_message = "round_alarm_minutes is ${var.round_alarm_minutes}, but must be at least ${2 * local.interval_minutes}: twice the longest time between two rounds of ${var.schedule_expression}, to tolerate one failed round.${2 * local.interval_minutes > 10080 ? " CloudWatch evaluates at most 10080 minutes, so use a shorter interval." : ""}"
    }

    precondition {
      condition     = length(local.round_gaps) == 0 || 60 * local.shortest_minutes >= local.scheduler_timeout_seconds
      error_message = "schedule_expression is ${var.schedule_expression}, with rounds ${local.shortest_minutes} minutes apart, but they must be at least ${ceil(local.scheduler_timeout_seconds / 60)} minutes apart: a round can run that long, and two rounds must not overlap."
    }

    precondition {
      condition     = length(local.foreign_regions) == 0
      error_message = "${local.regions_name}: ${join(" and ", local.foreign_regions)} is not in the hub's partition, ${local.partition}; roles cannot be assumed across partitions, so deploy a separate hub in that partition."
    }
  }
}

# --- Names, all known at plan time, so the plan shows complete policies

locals {
  partition  = data.aws_partition.current.partition
  dns_suffix = data.aws_partition.current.dns_suffix
  region     = data.aws_region.current.id
  account_id = data.aws_caller_identity.current.account_id

  scheduler_name        = "${var.name_prefix}-scheduler"
  lookup_name           = "${var.name_prefix}-lookup"
  aggregator_name       = "${var.name_prefix}-aggregator"
  schedule_role_name    = "${var.name_prefix}-schedule"
  table_name            = coalesce(var.table_name, var.name_prefix)
  queue_name            = "${var.name_prefix}-lookups"
  dead_letters_name     = "${var.name_prefix}-lookups-dead-letters"
  schedule_dead_letters = "${var.name_prefix}-schedule-dead-letters"
  read_role_name        = "${var.name_prefix}-read"
  publish_role_name     = "${var.name_prefix}-publish"
  path_in_names         = trimprefix(var.role_path, "/") # prefix of role names in settings and parameters
  topic_base_name       = "${var.name_prefix}-releases"
  topic_name            = var.fifo_topics ? "${local.topic_base_name}.fifo" : local.topic_base_name
  execution_role_name   = coalesce(var.stack_set_execution_role_name, "${var.name_prefix}-stackset-execution")
  alarms_topic_name     = "${var.name_prefix}-alarms"
  metrics_namespace     = var.name_prefix == "ami-tracker" ? "AmiTracker" : "AmiTracker/${var.name_prefix}"
  pending_index         = "pending"

  # Settings of the SDK in every function.
  sdk_settings = var.ca_bundle == null ? {} : { AWS_CA_BUNDLE = var.ca_bundle }

  table_arn                 = "arn:${local.partition}:dynamodb:${local.region}:${local.account_id}:table/${local.table_name}"
  sqs_arn_prefix            = "arn:${local.partition}:sqs:${local.region}:${local.account_id}"
  queue_arn                 = "${local.sqs_arn_prefix}:${local.queue_name}"
  dead_letters_arn          = "${local.sqs_arn_prefix}:${local.dead_letters_name}"
  schedule_dead_letters_arn = "${local.sqs_arn_prefix}:${local.schedule_dead_letters}"
  lambda_arn_prefix         = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function"
  scheduler_arn_prefix      = "arn:${local.partition}:scheduler:${local.region}:${local.account_id}"
  alarms_topic_arn          = "arn:${local.partition}:sns:${local.region}:${local.account_id}:${local.alarms_topic_name}"
}

# --- The permissions boundary: null, a name with its path, or an ARN

locals {
  # Null if the value is a name.
  boundary_partition = try(regex("^arn:([^:]+):", var.permissions_boundary)[0], null)
  boundary_account   = try(regex("^arn:[^:]+:iam::([^:]+):", var.permissions_boundary)[0], null)

  # Members use path and name of a policy in their own account, or the ARN of an AWS policy.
  members_boundary = try(regex("^arn:[^:]+:iam::[0-9]{12}:policy/(.+)$", var.permissions_boundary)[0], var.permissions_boundary)
  permissions_boundary_arn = (
    local.boundary_account != null || var.permissions_boundary == null
    ? var.permissions_boundary
    : "arn:${local.partition}:iam::${local.account_id}:policy/${var.permissions_boundary}"
  )
}

# --- Parameters that the read roles may read, in addition to the public ones

locals {
  parameter_characters = sum(concat(
    [0],
    [for path in var.parameter_paths : length(path) + 26],
    [for arn in var.shared_parameter_arns : length(arn) + 3],
  ))
  foreign_parameters = [for arn in var.shared_parameter_arns : arn if !startswith(arn, "arn:${local.partition}:")]
}

# --- Numbers that depend on each other

locals {
  scheduler_timeout_seconds  = 300
  lookup_timeout_seconds     = 120
  aggregator_timeout_seconds = 240

  # The visibility timeout is six times the function's timeout, as AWS recommends.
  lookup_visibility_seconds = 6 * local.lookup_timeout_seconds
  max_receive_count         = 5
  queue_retention_seconds   = 24 * 60 * 60
  # A message keeps its age when it moves, so the dead-letter queue needs a longer retention.
  dead_letters_retention_seconds = 14 * 24 * 60 * 60

  # Longer than the aggregator's timeout, so sweeps do not overlap.
  sweep_interval_minutes = 5
  # Releases younger than this are announced from the stream.
  sweep_older_than_seconds = 120
}

# --- Time between rounds

locals {
  rate_minutes = try([
    tonumber(regex("^rate\\(([0-9]+)", var.schedule_expression)[0]) * {
      minute = 1
      hour   = 60
      day    = 1440
    }[regex("(minute|hour|day)", var.schedule_expression)[0]]
  ], [])

  # Minutes, hours, days of the month, months, days of the week, years. Days of the week as numbers.
  cron_fields = [
    for field in try(split(" ", regex("^cron\\((.+)\\)$", var.schedule_expression)[0]), []) :
    replace(replace(replace(replace(replace(replace(replace(replace(field,
    "?", "*"), "SUN", "1"), "MON", "2"), "TUE", "3"), "WED", "4"), "THU", "5"), "FRI", "6"), "SAT", "7")
  ]
  # Only "any" is supported in the other fields: the schedule must repeat every week.
  cron_is_weekly = try(length(local.cron_fields) == 6 && alltrue([for at in [2, 3, 5] : local.cron_fields[at] == "*"]), false)

  cron_values = {
    for name, field in {
      minute = { at = 0, low = 0, high = 59 }
      hour   = { at = 1, low = 0, high = 23 }
      day    = { at = 4, low = 1, high = 7 }
    } :
    name => try([
      for value in sort(distinct(flatten([
        for item in split(",", local.cron_fields[field.at]) : [
          for part in [regex("^(?P<first>\\*|[0-9]+)(?:-(?P<last>[0-9]+))?(?:/(?P<step>[1-9][0-9]*))?$", item)] :
          [
            for value in range(
              part.first == "*" ? field.low : tonumber(part.first),
              1 + (part.last != null ? tonumber(part.last) : part.first == "*" || part.step != null ? field.high : tonumber(part.first)),
              part.step == null ? 1 : tonumber(part.step),
            ) : format("%02d", value) if value >= field.low && value <= field.high
          ]
        ]
      ]))) : tonumber(value)
    ], [])
  }

  # Hours of a week with rounds, and the number of hours from each to the next.
  cron_hours = [
    for hour in sort([
      for each in setproduct(local.cron_values.day, local.cron_values.hour) : format("%03d", 24 * (each[0] - 1) + each[1])
    ]) : tonumber(hour)
  ]
  cron_hour_gaps = distinct([
    for number, hour in local.cron_hours :
    (number + 1 < length(local.cron_hours) ? local.cron_hours[number + 1] : local.cron_hours[0] + 168) - hour
  ])

  # All distinct gaps between two rounds in minutes; empty if they cannot be computed.
  round_gaps = !local.cron_is_weekly ? local.rate_minutes : try(concat(
    [for number in range(1, length(local.cron_values.minute)) : local.cron_values.minute[number] - local.cron_values.minute[number - 1]],
    [for hours in local.cron_hour_gaps : 60 * hours - (reverse(local.cron_values.minute)[0] - local.cron_values.minute[0])],
  ), [])
  interval_minutes = try(max(local.round_gaps...), 0)
  shortest_minutes = try(min(local.round_gaps...), 0)
}

# --- regions.yaml: accounts and regions

locals {
  regions_name = basename(var.regions_file)

  # An unquoted 023456701234 is an account id, as for `ami-tracker check`, not an octal number.
  regions_text = replace(
    file(var.regions_file),
    "/(?m)(AccountId[\"']?:[ \\t]+)([0-9]{12})([ \\t\\r]*(?:[,}#].*)?)$/",
    "$1\"$2\"$3"
  )
  regions_document = try(yamldecode(local.regions_text), null)
  regions_entries  = try([for entry in local.regions_document.regions : entry], [])
  default_account  = try(local.regions_document.AccountId, null)

  regions_read = [
    for number, entry in local.regions_entries : {
      # Location for messages: the entry's number, and its name if it has one.
      location   = "${local.regions_name}, entry ${number + 1}${can(entry.Name) ? " (${try(tostring(entry.Name), "?")})" : ""}"
      region     = try(tostring(entry.Name), "")
      account_id = try(tostring(coalesce(try(entry.AccountId, null), local.default_account)), "")
      problems   = try([for key in setsubtract(keys(entry), ["Name", "AccountId"]) : "unknown key ${key}"], ["not a map"])
    }
  ]

  regions_problems = concat(
    local.regions_document == null ? ["${local.regions_name} is empty or not valid YAML; `ami-tracker check` prints the line."] : [],
    [for key in try(setsubtract(keys(local.regions_document), ["AccountId", "regions"]), []) :
      "${local.regions_name}: unknown key ${key}; the allowed keys are AccountId and regions."
    ],
    local.regions_document != null && length(local.regions_entries) == 0 ? [
      "${local.regions_name} contains no region; add at least one below regions, such as `- Name: eu-west-1`."
    ] : [],
    flatten([for entry in local.regions_read : [
      [for problem in entry.problems : "${entry.location}: ${problem}; the allowed keys are Name and AccountId."],
      can(regex("^[a-z]{2,4}(-[a-z]+){1,3}-[0-9]{1,2}$", entry.region)) ? [] : [
        "${entry.location}: Name must be the name of a region, such as eu-west-1."
      ],
      can(regex("^[0-9]{12}$", entry.account_id)) ? [] : [
        entry.account_id == "" ?
        "${entry.location}: AccountId is missing; set it in the entry, or once at the top of the file." :
        "${entry.location}: AccountId is ${entry.account_id}, but must be exactly 12 digits; put it in quotes."
      ],
    ]]),
    length(distinct([for entry in local.regions_read : "${entry.account_id}/${entry.region}"])) == length(local.regions_read) ? [] : [
      "${local.regions_name} names a region twice for the same account; remove one of the entries."
    ],
  )

  # Empty while the file is invalid, so only the problems of the file are reported.
  targets = [
    for entry in local.regions_read : { account_id = entry.account_id, region = entry.region }
    if length(local.regions_problems) == 0
  ]
  target_accounts = sort(distinct(local.targets[*].account_id))
  target_regions  = sort(distinct(local.targets[*].region))

  partition_of_prefix = { cn = "aws-cn", us-gov = "aws-us-gov" }
  foreign_regions = [
    for region in local.target_regions : region
    if local.partition != try(local.partition_of_prefix[regex("^(?:cn|us-gov)", region)], "aws")
  ]
}
