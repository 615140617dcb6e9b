locals {
  # A search finds the regions, classes and kinds of tomorrow too.
  searches = {
    for metric, dimension in {
      PairsEnqueued  = "region"
      PairsChecked   = "region"
      PairsFailed    = "class,region"
      Releases       = "kind"
      Announced      = "region"
      AnnounceFailed = "class,region"
    } :
    metric => "SEARCH('{\"${local.metrics_namespace}\",${dimension},service} MetricName=\"${metric}\"', 'Sum')"
  }

  function_names = [local.scheduler_name, local.lookup_name, local.aggregator_name]

  # Rows of widgets, each a third of the dashboard's 24 columns wide and six high.
  dashboard_rows = [
    [
      {
        title = "Rounds"
        metrics = [for metric in ["RoundsFinished", "RegionsFailed", "RemovalsRefused"] :
          [local.metrics_namespace, metric, "service", "scheduler", { stat = "Sum" }]
        ]
      },
      { title = "Pairs requested, by region", metrics = [[{ expression = local.searches.PairsEnqueued, id = "requested" }]] },
      { title = "Pairs checked, by region", metrics = [[{ expression = local.searches.PairsChecked, id = "checked" }]] },
    ],
    [
      { title = "Pairs that fail, by class and region", metrics = [[{ expression = local.searches.PairsFailed, id = "failed" }]] },
      { title = "Releases, by kind", metrics = [[{ expression = local.searches.Releases, id = "releases" }]] },
      { title = "Announced, by region", metrics = [[{ expression = local.searches.Announced, id = "announced" }]] },
    ],
    [
      {
        title = "Seconds from detection to announcement"
        metrics = [for statistic in ["p50", "p99", "Maximum"] :
          [local.metrics_namespace, "SecondsToAnnouncement", "service", "aggregator", { stat = statistic, label = statistic }]
        ]
      },
      { title = "Announcements refused, by class and region", metrics = [[{ expression = local.searches.AnnounceFailed, id = "refused" }]] },
      {
        title = "Releases pending, and seconds of the oldest"
        metrics = [
          [local.metrics_namespace, "PendingReleases", "service", "aggregator", { stat = "Maximum" }],
          [local.metrics_namespace, "UnreadableReleases", "service", "aggregator", { stat = "Maximum" }],
          [local.metrics_namespace, "ReleasesClosed", "service", "aggregator", { stat = "Sum" }],
          [local.metrics_namespace, "OldestPendingSeconds", "service", "aggregator", { stat = "Maximum", yAxis = "right" }],
        ]
      },
    ],
    [
      {
        title = "Lookups waiting, and under way"
        metrics = [for metric in ["ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible"] :
          ["AWS/SQS", metric, "QueueName", local.queue_name, { stat = "Maximum" }]
        ]
      },
      {
        title   = "Age of the oldest lookup, in seconds"
        metrics = [["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", local.queue_name, { stat = "Maximum" }]]
      },
      {
        title = "Dead letters, and messages that make no sense"
        metrics = concat(
          [for name in [local.dead_letters_name, local.schedule_dead_letters] :
            ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", name, { stat = "Maximum" }]
          ],
          [[local.metrics_namespace, "MalformedMessages", "service", "lookup", { stat = "Sum" }]],
        )
      },
    ],
    [
      for metric, statistic in { Duration = "p99", Errors = "Sum", ConcurrentExecutions = "Maximum" } : {
        title                             = "Functions: ${metric} (${statistic})"
        metrics                           = [for name in local.function_names : ["AWS/Lambda", metric, "FunctionName", name, { stat = statistic }]]
      }
    ],
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name_prefix
  dashboard_body = jsonencode({
    widgets = flatten([
      for y, row in local.dashboard_rows : [
        for x, widget in row : {
          type   = "metric"
          x      = 8 * x
          y      = 6 * y
          width  = 8
          height = 6
          properties = {
            title   = widget.title
            region  = local.region
            period  = 300
            metrics = widget.metrics
          }
        }
      ]
    ])
  })
}
