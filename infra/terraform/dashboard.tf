locals {
  # Metrics have no region dimension: figures by region, account and class are in the logs, see queries.tf.
  own_metrics = {
    for service, metrics in {
      scheduler = {
        RoundsFinished = "Sum", RegionsFailed = "Sum", RemovalsRefused = "Sum", PairsEnqueued = "Sum",
        Pairs          = "Maximum", PairsStale = "Sum", TargetsFailing = "Sum", RowsUnreadable = "Sum", ImagesNeverFound = "Maximum"
      }
      lookup = { PairsChecked = "Sum", PairsFailed = "Sum", Releases = "Sum", MalformedMessages = "Sum" }
      aggregator = {
        Announced          = "Sum", AnnounceFailed = "Sum", PendingReleases = "Maximum", OldestPendingSeconds = "Maximum",
        UnreadableReleases = "Maximum", ReleasesClosed = "Sum"
      }
    } :
    service => {
      for name, statistic in metrics : name => [
        local.metrics_namespace, name, "service", service,
        { stat = statistic, yAxis = name == "OldestPendingSeconds" ? "right" : "left" },
      ]
    }
  }

  function_names = concat(
    [local.scheduler_name, local.lookup_name, local.aggregator_name],
    [for each in local.site : local.publisher_name],
  )

  # Rows of widgets, each a third of the dashboard's 24 columns wide and six high.
  dashboard_rows = [
    [
      {
        title   = "Rounds"
        metrics = [for name in ["RoundsFinished", "RegionsFailed", "RemovalsRefused"] : local.own_metrics.scheduler[name]]
      },
      {
        title = "Failing pairs by cause"
        metrics = [for cause in sort(keys(local.causes)) :
          [local.metrics_namespace, "PairsFailing", "service", "scheduler", "cause", cause, { stat = "Sum", label = cause }]
        ]
      },
      {
        title   = "Stale pairs, failing targets, images never found, unreadable rows"
        metrics = [for name in ["PairsStale", "TargetsFailing", "ImagesNeverFound", "RowsUnreadable"] : local.own_metrics.scheduler[name]]
      },
    ],
    [
      { title = "Pairs and requested pairs", metrics = [for name in ["Pairs", "PairsEnqueued"] : local.own_metrics.scheduler[name]] },
      { title = "Finished lookups and failed attempts", metrics = [for name in ["PairsChecked", "PairsFailed"] : local.own_metrics.lookup[name]] },
      { title = "Releases", metrics = [local.own_metrics.lookup.Releases] },
    ],
    [
      {
        title = "Seconds from detection to announcement"
        metrics = [for statistic in ["p50", "p99", "Maximum"] :
          [local.metrics_namespace, "SecondsToAnnouncement", "service", "aggregator", { stat = statistic, label = statistic }]
        ]
      },
      { title = "Announced and refused releases", metrics = [for name in ["Announced", "AnnounceFailed"] : local.own_metrics.aggregator[name]] },
      {
        title = "Pending releases, and age of the oldest in seconds"
        metrics = [for name in ["PendingReleases", "UnreadableReleases", "ReleasesClosed", "OldestPendingSeconds"] :
          local.own_metrics.aggregator[name]
        ]
      },
    ],
    [
      {
        title = "Waiting and running lookups"
        metrics = [for metric in ["ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible"] :
          ["AWS/SQS", metric, "QueueName", local.queue_name, { stat = "Maximum" }]
        ]
      },
      {
        title   = "Age of the oldest lookup, in seconds"
        metrics = [["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", local.queue_name, { stat = "Maximum" }]]
      },
      {
        title = "Dead letters and malformed messages"
        metrics = concat(
          [for name in [local.dead_letters_name, local.schedule_dead_letters] :
            ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", name, { stat = "Maximum" }]
          ],
          [local.own_metrics.lookup.MalformedMessages],
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
