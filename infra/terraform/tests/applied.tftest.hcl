# Everything at once. A plan leaves open what AWS computes; here mocks compute it, so that the
# repository's tests/infra can read whole environments.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  external_id  = "of-the-tests"
  regions_file = "tests/fixtures/regions.yaml"
  packages = {
    scheduler  = "tests/fixtures/package.zip"
    lookup     = "tests/fixtures/package.zip"
    aggregator = "tests/fixtures/package.zip"
    manifest   = "tests/fixtures/manifest.json"
  }
}

run "everything_can_be_made" {
  command = apply

  assert {
    condition     = output.queue_url == aws_sqs_queue.lookups.url && output.alarm_topic_arn == aws_sns_topic.alarms[0].arn
    error_message = "Outputs must be what was made."
  }
}
