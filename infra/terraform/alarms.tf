locals {
  # Alarms over rounds evaluate at least two intervals of the schedule, to tolerate one failed round.
  # CloudWatch evaluates at most a day with periods of minutes, and a week with periods of an hour.
  round_period  = var.round_alarm_minutes <= 1440 ? 300 : 3600
  round_periods = ceil(var.round_alarm_minutes * 60 / local.round_period)
  # One more where rounds are counted: otherwise an alarm ends before the newest period has data.
  round_window = min(local.round_periods + 1, local.round_period < 3600 ? 288 : 168)

  # Older than any message that is still retried: by then it is in the dead-letter queue.
  stale_seconds = max(var.round_alarm_minutes * 60, (local.max_receive_count + 1) * local.lookup_visibility_seconds)

  # Every metric of the functions has the service as a dimension.
  of_scheduler  = { service = "scheduler" }
  of_aggregator = { service = "aggregator" }

  # Defaults of the alarms: any event breaches, missing data does not.
  usual_alarm = {
    comparison_operator = "GreaterThanThreshold"
    threshold           = 0
    treat_missing_data  = "notBreaching"
  }

  # Health metrics are published once per round, zeros included. The alarm keeps its state while
  # there is no data between two rounds.
  health_alarm = {
    namespace           = local.metrics_namespace
    dimensions          = local.of_scheduler
    statistic           = "Sum"
    period              = 300
    evaluation_periods  = 1
    datapoints_to_alarm = 1
    treat_missing_data  = "ignore"
  }

  # Each key is the suffix of the alarm's name, and a heading of the runbook, infra/README.md.
  alarms = {
    scheduler-errors = {
      description         = "The scheduler failed in at least two of the rounds of the last ${var.round_alarm_minutes} minutes: some pairs were not looked up."
      namespace           = "AWS/Lambda"
      metric_name         = "Errors"
      dimensions          = { FunctionName = local.scheduler_name }
      statistic           = "Sum"
      period              = local.round_period
      evaluation_periods  = local.round_window
      datapoints_to_alarm = 2
    }
    lookup-errors = {
      description         = "Whole batches of lookups failed repeatedly: the table or the function itself fails."
      namespace           = "AWS/Lambda"
      metric_name         = "Errors"
      dimensions          = { FunctionName = local.lookup_name }
      statistic           = "Sum"
      period              = 300
      evaluation_periods  = 6
      datapoints_to_alarm = 2
    }
    aggregator-errors = {
      description         = "The aggregator failed repeatedly within half an hour: committed releases may not be announced."
      namespace           = "AWS/Lambda"
      metric_name         = "Errors"
      dimensions          = { FunctionName = local.aggregator_name }
      statistic           = "Sum"
      period              = 300
      evaluation_periods  = 6
      datapoints_to_alarm = 2
    }
    dead-letters = {
      description         = "Lookup requests failed ${local.max_receive_count} times and are in the dead-letter queue; the next round looks up their pairs again."
      namespace           = "AWS/SQS"
      metric_name         = "ApproximateNumberOfMessagesVisible"
      dimensions          = { QueueName = local.dead_letters_name }
      statistic           = "Maximum"
      period              = 300
      evaluation_periods  = 1
      datapoints_to_alarm = 1
    }
    schedule-dead-letters = {
      description         = "EventBridge Scheduler could not invoke a function: a round or a sweep did not take place."
      namespace           = "AWS/SQS"
      metric_name         = "ApproximateNumberOfMessagesVisible"
      dimensions          = { QueueName = local.schedule_dead_letters }
      statistic           = "Maximum"
      period              = 300
      evaluation_periods  = 1
      datapoints_to_alarm = 1
    }
    release-pending = {
      description         = "A release has been pending for more than a quarter of an hour, or no sweep has reported for ten minutes."
      namespace           = local.metrics_namespace
      metric_name         = "OldestPendingSeconds"
      dimensions          = local.of_aggregator
      statistic           = "Maximum"
      threshold           = 900
      period              = 300
      evaluation_periods  = 2 # a late sweep can leave one period empty
      datapoints_to_alarm = 2
      treat_missing_data  = "breaching"
    }
    unreadable-releases = {
      description         = "The aggregator cannot decode some release rows; they stay pending until they are repaired or deleted."
      namespace           = local.metrics_namespace
      metric_name         = "UnreadableReleases"
      dimensions          = local.of_aggregator
      statistic           = "Maximum"
      period              = 60 * local.sweep_interval_minutes
      evaluation_periods  = 3
      datapoints_to_alarm = 1
    }
    round-missing = {
      description         = "No round has finished for ${var.round_alarm_minutes} minutes: no new images are found."
      namespace           = local.metrics_namespace
      metric_name         = "RoundsFinished"
      dimensions          = local.of_scheduler
      statistic           = "Sum"
      comparison_operator = "LessThanThreshold"
      threshold           = 1
      period              = local.round_period
      evaluation_periods  = local.round_periods
      datapoints_to_alarm = local.round_periods
      treat_missing_data  = "breaching"
    }
    requests-waiting = {
      description         = "Requests have waited for more than ${ceil(local.stale_seconds / 60)} minutes: the lookups are too slow or do not run."
      namespace           = "AWS/SQS"
      metric_name         = "ApproximateAgeOfOldestMessage"
      dimensions          = { QueueName = local.queue_name }
      statistic           = "Maximum"
      threshold           = local.stale_seconds
      period              = 300
      evaluation_periods  = 3
      datapoints_to_alarm = 3
    }
    removals-refused = {
      description         = "The catalogue removes more than ${var.max_removed_percent} per cent of a target's images at once; nothing was removed in that region."
      namespace           = local.metrics_namespace
      metric_name         = "RemovalsRefused"
      dimensions          = local.of_scheduler
      statistic           = "Sum"
      period              = local.round_period
      evaluation_periods  = local.round_window # every round refuses the removal again
      datapoints_to_alarm = 1
    }
    regions-failed = {
      description         = "In at least two of the rounds of the last ${var.round_alarm_minutes} minutes, parts of some regions were not scheduled, because the table or the queue failed."
      namespace           = local.metrics_namespace
      metric_name         = "RegionsFailed"
      dimensions          = local.of_scheduler
      statistic           = "Sum"
      period              = local.round_period
      evaluation_periods  = local.round_window
      datapoints_to_alarm = 2
    }
    images-never-found = merge(local.health_alarm, {
      description = "More than ${var.images_never_found_threshold} images were found in no region with their current lookup: most likely a mistake in tracked_images."
      metric_name = "ImagesNeverFound"
      statistic   = "Maximum"
      threshold   = var.images_never_found_threshold
    })
    targets-failing = merge(local.health_alarm, {
      description = "In more than ${var.targets_failing_threshold} targets (an account and a region) every pair fails or is stale: no new images are found there."
      metric_name = "TargetsFailing"
      threshold   = var.targets_failing_threshold
    })
    rows-unreadable = merge(local.health_alarm, {
      description = "More than ${var.rows_unreadable_threshold} image or round rows of the table cannot be decoded."
      metric_name = "RowsUnreadable"
      threshold   = var.rows_unreadable_threshold
    })
  }

  # The site tolerates one run that failed or did not take place.
  site_period  = var.site.interval_minutes <= 720 ? 300 : 3600
  site_periods = ceil(2 * var.site.interval_minutes * 60 / local.site_period)
  site_alarms = {
    publisher-errors = {
      description         = "The publisher failed in at least two of the runs of the last ${2 * var.site.interval_minutes} minutes: the report page and the feed are outdated or incomplete."
      namespace           = "AWS/Lambda"
      metric_name         = "Errors"
      dimensions          = { FunctionName = local.publisher_name }
      statistic           = "Sum"
      period              = local.site_period
      evaluation_periods  = min(local.site_periods + 1, local.site_period < 3600 ? 288 : 168)
      datapoints_to_alarm = 2
    }
    site-outdated = {
      description         = "The publisher has not run for ${2 * var.site.interval_minutes} minutes: the report page and the feed are outdated."
      namespace           = "AWS/Lambda"
      metric_name         = "Invocations"
      dimensions          = { FunctionName = local.publisher_name }
      statistic           = "Sum"
      comparison_operator = "LessThanThreshold"
      threshold           = 1
      period              = local.site_period
      evaluation_periods  = local.site_periods
      datapoints_to_alarm = local.site_periods
      treat_missing_data  = "breaching"
    }
  }

  # Percentages of all pairs. The causes are values of the metric's second dimension.
  share_alarms = merge(
    {
      for cause, percent in var.pairs_failing_percent : "pairs-failing-${cause}" => {
        description         = "In at least two rounds of the last ${var.round_alarm_minutes} minutes, more than ${percent} % of all pairs failed because of ${local.causes[cause]}."
        metric_name         = "PairsFailing"
        dimensions          = merge(local.of_scheduler, { cause = cause })
        threshold           = percent
        period              = local.round_period
        evaluation_periods  = local.round_window
        datapoints_to_alarm = 2
        treat_missing_data  = "notBreaching"
      }
    },
    {
      pairs-stale = merge(local.health_alarm, {
        description = "More than ${var.pairs_stale_percent} % of all pairs had no lookup result in two windows: their rows may be outdated."
        metric_name = "PairsStale"
        threshold   = var.pairs_stale_percent
      })
    },
  )
  causes = {
    throttling = "throttling or time-outs"
    access     = "missing access"
    image      = "lookups without a usable result"
    other      = "errors of an unknown class"
  }

  runbook = "infra/README.md"
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = {
    for name, alarm in merge(local.alarms, local.site_alarms) : name => merge(local.usual_alarm, alarm)
    if var.site.enabled || !contains(keys(local.site_alarms), name)
  }

  alarm_name        = "${var.name_prefix}-${each.key}"
  alarm_description = "${each.value.description} Runbook: ${local.runbook}#${each.key}"

  namespace           = each.value.namespace
  metric_name         = each.value.metric_name
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = each.value.comparison_operator
  threshold           = each.value.threshold
  period              = each.value.period
  evaluation_periods  = each.value.evaluation_periods
  datapoints_to_alarm = each.value.datapoints_to_alarm
  treat_missing_data  = each.value.treat_missing_data

  alarm_actions = local.alarm_topic_arns
  ok_actions    = local.alarm_topic_arns

  tags = var.tags
}

resource "aws_cloudwatch_metric_alarm" "shares" {
  for_each = local.share_alarms

  alarm_name        = "${var.name_prefix}-${each.key}"
  alarm_description = "${each.value.description} Runbook: ${local.runbook}#${each.key}"

  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  evaluation_periods  = each.value.evaluation_periods
  datapoints_to_alarm = each.value.datapoints_to_alarm
  treat_missing_data  = each.value.treat_missing_data

  # Without pairs, the division has no result, which counts as missing data.
  metric_query {
    id          = "share"
    label       = "Percentage of all pairs"
    expression  = "100 * part / pairs"
    return_data = true
  }

  metric_query {
    id          = "part"
    return_data = false

    metric {
      namespace   = local.metrics_namespace
      metric_name = each.value.metric_name
      dimensions  = each.value.dimensions
      stat        = "Sum"
      period      = each.value.period
    }
  }

  metric_query {
    id          = "pairs"
    return_data = false

    metric {
      namespace   = local.metrics_namespace
      metric_name = "Pairs"
      dimensions  = local.of_scheduler
      stat        = "Sum"
      period      = each.value.period
    }
  }

  alarm_actions = local.alarm_topic_arns
  ok_actions    = local.alarm_topic_arns

  tags = var.tags
}

# --- Topics of the alarms

locals {
  given_alarm_topic_arns = distinct(concat(var.alarm_topic_arn == null ? [] : [var.alarm_topic_arn], var.alarm_topic_arns))
  # A precondition refuses more than five; without the slice, the provider reports an error for every alarm.
  alarm_topic_arns = slice(concat(local.given_alarm_topic_arns, aws_sns_topic.alarms[*].arn), 0, max(1, min(5, length(local.given_alarm_topic_arns))))
}

resource "aws_sns_topic" "alarms" {
  # checkov:skip=CKV_AWS_26:Alarms contain no secrets, and CloudWatch cannot publish to a topic that a key of AWS encrypts; a customer key is optional (kms_key_arn).
  count = length(local.given_alarm_topic_arns) == 0 ? 1 : 0

  name              = local.alarms_topic_name
  kms_master_key_id = var.kms_key_arn

  tags = var.tags
}

data "aws_iam_policy_document" "alarms" {
  statement {
    sid       = "AlarmsPublish"
    actions   = ["sns:Publish"]
    resources = [local.alarms_topic_arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }

  statement {
    sid       = "DenyWithoutTls"
    effect    = "Deny"
    actions   = ["sns:Publish"]
    resources = [local.alarms_topic_arn]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_sns_topic_policy" "alarms" {
  count = length(local.given_alarm_topic_arns) == 0 ? 1 : 0

  arn    = aws_sns_topic.alarms[0].arn
  policy = data.aws_iam_policy_document.alarms.json
}

resource "aws_sns_topic_subscription" "alarms" {
  for_each = length(local.given_alarm_topic_arns) == 0 ? toset(var.alarm_emails) : []

  topic_arn = aws_sns_topic.alarms[0].arn
  protocol  = "email"
  endpoint  = each.value
}
