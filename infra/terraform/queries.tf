# Saved queries of CloudWatch Logs Insights, for figures that the metrics have no dimensions for. In a
# log line a metric is a list, so its first value is NAME.0. Tests run these queries on real log lines.

locals {
  every_function = local.function_names

  # What the queries for a single round, invocation or image show. A saved query has no parameters:
  # replace the value in its filter.
  in_order = [
    "fields @timestamp, service, level, message, image_name, account_id, region, state, code, detail, kind, image_id, problem",
    "sort @timestamp asc",
  ]

  queries = {
    one-round = {
      functions = local.every_function
      lines     = concat(["filter round = \"2026-11-22T07:00:00Z\""], local.in_order)
    }
    one-invocation = {
      functions = local.every_function
      lines     = concat(["filter function_request_id = \"00000000-0000-0000-0000-000000000000\""], local.in_order)
    }
    one-image = {
      functions = local.every_function
      lines     = concat(["filter image_name = \"al2023-eks-1.33\""], local.in_order)
    }
    requested-by-region = {
      functions = [local.scheduler_name]
      lines = [
        "filter ispresent(PairsEnqueued.0)",
        "stats sum(PairsEnqueued.0) as requested by region",
        "sort region asc",
      ]
    }
    failing-by-target = {
      functions = [local.scheduler_name]
      lines = [
        "filter ispresent(PairsFailing.0) and ispresent(region)",
        "stats max(PairsFailing.0) as most, max(@timestamp) as last_seen by cause, account_id, region",
        "sort last_seen desc",
      ]
    }
    failing-targets = {
      functions = [local.scheduler_name]
      lines = [
        "filter ispresent(TargetsFailing.0) and ispresent(region)",
        "stats sum(TargetsFailing.0) as rounds, max(@timestamp) as last_seen by account_id, region",
        "sort last_seen desc",
      ]
    }
    stale-by-target = {
      functions = [local.scheduler_name]
      lines = [
        "filter ispresent(PairsStale.0) and ispresent(region)",
        "stats max(PairsStale.0) as most, max(@timestamp) as last_seen by account_id, region",
        "sort last_seen desc",
      ]
    }
    images-never-found = {
      functions = [local.scheduler_name]
      lines = [
        "filter message = \"image never found\"",
        "stats count(*) as rounds, max(@timestamp) as last_seen by image_name",
        "sort last_seen desc",
      ]
    }
    unreadable-rows = {
      functions = local.every_function
      lines = [
        "filter message = \"row malformed\"",
        "stats count(*) as times, max(@timestamp) as last_seen by problem",
        "sort last_seen desc",
      ]
    }
    checked-by-region = {
      functions = [local.lookup_name]
      lines = [
        "filter ispresent(PairsChecked.0) or ispresent(PairsFailed.0)",
        "stats sum(PairsChecked.0) as ended, sum(PairsFailed.0) as failed by region",
        "sort region asc",
      ]
    }
    failed-by-class = {
      functions = [local.lookup_name]
      lines = [
        "filter ispresent(PairsFailed.0)",
        "stats sum(PairsFailed.0) as attempts by class, region",
        "sort attempts desc",
      ]
    }
    changed-states = {
      functions = [local.lookup_name]
      lines = [
        "filter message = \"lookup failed\"",
        "fields @timestamp, image_name, account_id, region, state, code, detail",
        "sort @timestamp desc",
      ]
    }
    releases-by-kind = {
      functions = [local.lookup_name]
      lines = [
        "filter ispresent(Releases.0)",
        "stats sum(Releases.0) as releases by kind",
        "sort kind asc",
      ]
    }
    announced-by-region = {
      functions = [local.aggregator_name]
      lines = [
        "filter ispresent(Announced.0) or ispresent(AnnounceFailed.0)",
        "stats sum(Announced.0) as announced, sum(AnnounceFailed.0) as refused by region",
        "sort region asc",
      ]
    }
  }

  # Each run of the publisher, and the files that it could not write.
  site_queries = {
    site-runs = {
      functions = [local.publisher_name]
      lines = [
        "filter message = \"site published\" or message = \"file not written\"",
        "fields @timestamp, written, unchanged, deleted, path, code, detail",
        "sort @timestamp desc",
      ]
    }
  }
}

resource "aws_cloudwatch_query_definition" "this" {
  for_each = merge(local.queries, { for name, query in local.site_queries : name => query if var.site.enabled })

  name            = "${var.name_prefix}/${each.key}"
  query_string    = join("\n| ", each.value.lines)
  log_group_names = [for name in each.value.functions : "/aws/lambda/${name}"]
}
