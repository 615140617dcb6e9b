data "aws_partition" "current" {}

data "aws_region" "current" {}

# Everything else depends on the caller's identity, so what is wrong with the variables as a whole is
# said before anything is asked of AWS. Variables see each other in `validation` from Terraform 1.9 on
# only.
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
      error_message = "organizational_unit_ids must be given with stack_set_model = \"SERVICE_MANAGED\", and with no other: self-managed StackSets go to the accounts of regions.yaml."
    }

    precondition {
      condition     = var.stack_set_model == "SERVICE_MANAGED" || var.stack_set_call_as == "SELF"
      error_message = "stack_set_call_as = \"DELEGATED_ADMIN\" goes with stack_set_model = \"SERVICE_MANAGED\" only."
    }

    precondition {
      condition     = var.stack_set_model != "SERVICE_MANAGED" || var.organization_id != null
      error_message = "organization_id must be given with stack_set_model = \"SERVICE_MANAGED\": the roles of an organisation should trust nobody outside it."
    }

    precondition {
      condition     = length(local.targets) == 0 || length(setsubtract(var.stack_set_region_order, local.target_regions)) == 0
      error_message = "stack_set_region_order names ${join(" and ", setsubtract(var.stack_set_region_order, local.target_regions))}, but ${local.regions_name} does not; remove it from the order, or add it to the file."
    }

    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    precondition {
      condition     = length(join(",", concat([var.external_id], var.previous_external_ids))) <= 1224
      error_message = "external_id and previous_external_ids must have 1224 characters at most together: each role's trust policy names all of them, and holds 2,048."
    }

    precondition {
      condition     = length(local.given_alarm_topic_arns) == 0 || length(var.alarm_emails) == 0
      error_message = "alarm_emails subscribe to the topic that is made here; with alarm_topic_arn or alarm_topic_arns, subscribe them to those topics yourself."
    }

    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    precondition {
      condition     = length(local.given_alarm_topic_arns) <= 5
      error_message = "alarm_topic_arn and alarm_topic_arns must name 5 topics at most together: a CloudWatch alarm takes no more."
    }

    precondition {
      condition     = length(local.round_gaps) > 0
      error_message = "schedule_expression is ${var.schedule_expression}, and the longest time between two of its rounds is unknown, so no alarm could tell that one is missing. In cron(…), use numbers, lists, ranges and steps for minutes and hours, and days of the week (MON-FRI); leave days of the month, months and years open (*)."
    }

    precondition {
      condition     = var.round_alarm_minutes >= 2 * local.interval_minutes
      error_message = "round_alarm_minutes is ${var.round_alarm_minutes}, but must be at least ${2 * local.interval_minutes}: twice the longest time between two rounds of ${var.schedule_expression}, since a round that fails is repeated by the next.${2 * local.interval_minutes > 10080 ? " CloudWatch looks back 10080 minutes at most, so use a shorter schedule." : ""}"
    }

    precondition {
      condition     = length(local.round_gaps) == 0 || 60 * local.shortest_minutes >= local.scheduler_timeout_seconds
      error_message = "schedule_expression is ${var.schedule_expression}, with rounds ${local.shortest_minutes} minutes apart, but they must be at least ${ceil(local.scheduler_timeout_seconds / 60)} minutes apart: a round may run that long, and two rounds must not overlap."
    }

    precondition {
      condition     = length(local.foreign_regions) == 0
      error_message = "${local.regions_name}: ${join(" and ", local.foreign_regions)} is not in the hub's partition, ${local.partition}; roles cannot be assumed across partitions, so it takes a hub of its own."
    }
  }
}

# --- Names, all of them known when a plan is made: policies built of them can be read in full there

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
  path_in_names         = trimprefix(var.role_path, "/") # what settings and parameters put before a role's name
  topic_base_name       = "${var.name_prefix}-releases"
  topic_name            = var.fifo_topics ? "${local.topic_base_name}.fifo" : local.topic_base_name
  execution_role_name   = coalesce(var.stack_set_execution_role_name, "${var.name_prefix}-stackset-execution")
  alarms_topic_name     = "${var.name_prefix}-alarms"
  metrics_namespace     = var.name_prefix == "ami-tracker" ? "AmiTracker" : "AmiTracker/${var.name_prefix}"
  pending_index         = "pending"

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
  # Of a name: null.
  boundary_partition = try(regex("^arn:([^:]+):", var.permissions_boundary)[0], null)
  boundary_account   = try(regex("^arn:[^:]+:iam::([^:]+):", var.permissions_boundary)[0], null)

  # Members take path and name, and look in their own account, or an ARN of AWS.
  members_boundary = try(regex("^arn:[^:]+:iam::[0-9]{12}:policy/(.+)$", var.permissions_boundary)[0], var.permissions_boundary)
  permissions_boundary_arn = (
    local.boundary_account != null || var.permissions_boundary == null
    ? var.permissions_boundary
    : "arn:${local.partition}:iam::${local.account_id}:policy/${var.permissions_boundary}"
  )
}

# --- Numbers that must fit together

locals {
  scheduler_timeout_seconds  = 300
  lookup_timeout_seconds     = 120
  aggregator_timeout_seconds = 240

  # A message comes back when its lookup cannot be running any more: six time-outs, as AWS advises.
  lookup_visibility_seconds = 6 * local.lookup_timeout_seconds
  max_receive_count         = 5
  queue_retention_seconds   = 24 * 60 * 60
  # A message keeps its age when it moves, so dead letters must be kept for longer than the queue's.
  dead_letters_retention_seconds = 14 * 24 * 60 * 60

  # Longer than the aggregator may run, so that no sweep meets the one before it.
  sweep_interval_minutes = 5
  # What is younger is the stream's to announce.
  sweep_older_than_seconds = 120
}

# --- How far apart rounds are

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
  # Of the others, only "any" can be repeated week by week.
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

  # Hours of a week in which there are rounds, and how many hours it is from each to the next.
  cron_hours = [
    for hour in sort([
      for each in setproduct(local.cron_values.day, local.cron_values.hour) : format("%03d", 24 * (each[0] - 1) + each[1])
    ]) : tonumber(hour)
  ]
  cron_hour_gaps = distinct([
    for number, hour in local.cron_hours :
    (number + 1 < length(local.cron_hours) ? local.cron_hours[number + 1] : local.cron_hours[0] + 168) - hour
  ])

  # Minutes from one round to the next, as many as there are; none where the schedule does not tell.
  round_gaps = !local.cron_is_weekly ? local.rate_minutes : try(concat(
    [for number in range(1, length(local.cron_values.minute)) : local.cron_values.minute[number] - local.cron_values.minute[number - 1]],
    [for hours in local.cron_hour_gaps : 60 * hours - (reverse(local.cron_values.minute)[0] - local.cron_values.minute[0])],
  ), [])
  interval_minutes = try(max(local.round_gaps...), 0)
  shortest_minutes = try(min(local.round_gaps...), 0)
}

# --- regions.yaml: which accounts, which regions

locals {
  regions_name = basename(var.regions_file)

  # An unquoted 023456701234 is an account, as the console reads it, and no octal number.
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
      # What a person finds in the file: the entry's place, and its name where it has one.
      place      = "${local.regions_name}, entry ${number + 1}${can(entry.Name) ? " (${try(tostring(entry.Name), "?")})" : ""}"
      region     = try(tostring(entry.Name), "")
      account_id = try(tostring(coalesce(try(entry.AccountId, null), local.default_account)), "")
      unknown    = try(setsubtract(keys(entry), ["Name", "AccountId"]), ["an entry that is no map"])
    }
  ]

  regions_problems = concat(
    local.regions_document == null ? ["${local.regions_name} is empty or no valid YAML; `ami-tracker check` says in which line."] : [],
    [for key in try(setsubtract(keys(local.regions_document), ["AccountId", "regions"]), []) :
      "${local.regions_name} holds ${key}, which means nothing here; it takes AccountId and regions."
    ],
    local.regions_document != null && length(local.regions_entries) == 0 ? [
      "${local.regions_name} names no region; list at least one below regions, such as `- Name: eu-west-1`."
    ] : [],
    flatten([for entry in local.regions_read : [
      [for key in entry.unknown : "${entry.place}: ${key} means nothing here; an entry takes Name and AccountId."],
      can(regex("^[a-z]{2,4}(-[a-z]+){1,3}-[0-9]{1,2}$", entry.region)) ? [] : [
        "${entry.place}: Name must be the name of a region, such as eu-west-1."
      ],
      can(regex("^[0-9]{12}$", entry.account_id)) ? [] : [
        entry.account_id == "" ?
        "${entry.place}: there is no account for it; give it an AccountId, or the file one for all." :
        "${entry.place}: AccountId is ${entry.account_id}, but must be exactly 12 digits; put it in quotes."
      ],
    ]]),
    length(distinct([for entry in local.regions_read : "${entry.account_id}/${entry.region}"])) == length(local.regions_read) ? [] : [
      "${local.regions_name} names a region twice for the same account; leave one of them out."
    ],
  )

  # None as long as the file is wrong, so that nothing but the problems themselves is complained of.
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
