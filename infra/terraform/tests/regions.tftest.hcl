# Reading of regions.yaml. The repository's tests/infra check the messages.

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

run "takes_an_unquoted_account" {
  command = plan

  assert {
    condition = tolist(keys(output.topic_arns)) == tolist([
      "023456701234/eu-west-1",
      "111122223333/eu-west-1",
      "111122223333/us-east-1",
    ])
    error_message = "Each target must have its account as a string, and its region."
  }
}

run "a_new_line_adds_a_target" {
  command = plan

  variables {
    regions_file = "tests/fixtures/more_regions.yaml"
    packages = {
      scheduler  = "tests/fixtures/package.zip"
      lookup     = "tests/fixtures/package.zip"
      aggregator = "tests/fixtures/package.zip"
      manifest   = "tests/fixtures/manifest_more_regions.json"
    }
  }

  assert {
    condition     = contains(keys(output.topic_arns), "023456701234/eu-north-1") && length(output.topic_arns) == 4
    error_message = "An entry on one line must be read like any other."
  }
}

run "refuses_an_invalid_account" {
  command = plan

  variables {
    regions_file = "tests/fixtures/bad_account.yaml"
  }

  expect_failures = [data.aws_caller_identity.current]
}

run "refuses_an_unknown_key" {
  command = plan

  variables {
    regions_file = "tests/fixtures/unknown_key.yaml"
  }

  expect_failures = [data.aws_caller_identity.current]
}

run "refuses_an_empty_list" {
  command = plan

  variables {
    regions_file = "tests/fixtures/no_region.yaml"
  }

  expect_failures = [data.aws_caller_identity.current]
}

run "refuses_a_region_without_an_account" {
  command = plan

  variables {
    regions_file = "tests/fixtures/no_account.yaml"
  }

  expect_failures = [data.aws_caller_identity.current]
}

run "refuses_a_duplicate_target" {
  command = plan

  variables {
    regions_file = "tests/fixtures/twice.yaml"
  }

  expect_failures = [data.aws_caller_identity.current]
}

run "refuses_an_invalid_region" {
  command = plan

  variables {
    regions_file = "tests/fixtures/bad_region.yaml"
  }

  expect_failures = [data.aws_caller_identity.current]
}

run "refuses_a_region_of_another_partition" {
  command = plan

  variables {
    regions_file = "tests/fixtures/two_partitions.yaml"
  }

  expect_failures = [data.aws_caller_identity.current]
}

run "refuses_invalid_yaml" {
  command = plan

  variables {
    regions_file = "tests/fixtures/no_yaml.yaml"
  }

  expect_failures = [data.aws_caller_identity.current]
}

run "refuses_packages_of_another_regions_file" {
  command = plan

  variables {
    regions_file = "tests/fixtures/more_regions.yaml"
  }

  expect_failures = [data.aws_caller_identity.current]
}

run "refuses_packages_of_another_platform" {
  command = plan

  variables {
    architecture = "x86_64"
  }

  expect_failures = [data.aws_caller_identity.current]
}
