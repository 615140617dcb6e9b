# Applies the whole module. A plan does not contain values that AWS computes; mocks compute them here,
# and the repository's tests/infra read the complete environments.

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
    publisher  = "tests/fixtures/package.zip"
    manifest   = "tests/fixtures/manifest.json"
  }
  site      = { enabled = true, key_prefix = "team/" }
  ca_bundle = "/opt/ca.pem"
}

run "applies_all_resources" {
  command = apply

  assert {
    condition     = output.queue_url == aws_sqs_queue.lookups.url && output.alarm_topic_arn == aws_sns_topic.alarms[0].arn
    error_message = "Outputs must be the created resources."
  }

  assert {
    condition     = output.read_only_policy_arn == aws_iam_policy.read_only[0].arn && output.operator_policy_arn == aws_iam_policy.operator[0].arn
    error_message = "The outputs must be the ARNs of the policies for people."
  }

  assert {
    condition     = output.site_bucket_name == aws_s3_bucket.site[0].bucket && output.site_reader_policy_arn == aws_iam_policy.site_reader[0].arn
    error_message = "The outputs must be the bucket of the site, and the policy for its readers."
  }
}
