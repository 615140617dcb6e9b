# Deployment to the member accounts: both StackSet models, and by hand.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  external_id            = "of-the-tests"
  previous_external_ids  = ["of-yesterday"]
  subscriber_account_ids = ["333344445555"]
  regions_file           = "tests/fixtures/regions.yaml"
  packages = {
    scheduler  = "tests/fixtures/package.zip"
    lookup     = "tests/fixtures/package.zip"
    aggregator = "tests/fixtures/package.zip"
    manifest   = "tests/fixtures/manifest.json"
  }
}

run "self_managed" {
  command = plan

  variables {
    stack_set_model = "SELF_MANAGED"
  }

  assert {
    condition     = module.members[0].stack_set_names == { roles = "ami-tracker-roles", topics = "ami-tracker-topics" }
    error_message = "There must be a StackSet for the roles and one for the topics."
  }

  assert {
    condition     = module.members[0].topic_arns == output.topic_arns
    error_message = "The hub must name the topics that the StackSets create."
  }
}

run "roles_with_this_projects_execution_role" {
  command = plan

  variables {
    parameter_paths       = ["/golden/*"]
    shared_parameter_arns = ["arn:aws:ssm:us-east-1:444455556666:parameter/web", "arn:aws:ssm:eu-west-1:444455556666:parameter/web/*"]
  }

  assert {
    condition     = output.stack_set_execution_role_parameters.ParameterPaths == "/golden/*"
    error_message = "The boundary in each account must allow the parameters that the read role may read."
  }

  assert {
    condition     = output.stack_set_execution_role_parameters.SharedParameterArns == "arn:aws:ssm:eu-west-1:444455556666:parameter/web/*,arn:aws:ssm:us-east-1:444455556666:parameter/web"
    error_message = "The boundary in each account must allow the shared parameters that the read role may read."
  }
}

run "self_managed_with_existing_roles" {
  command = plan

  variables {
    stack_set_administration_role_arn = "arn:aws:iam::111122223333:role/AWSCloudFormationStackSetAdministrationRole"
    stack_set_execution_role_name     = "AWSCloudFormationStackSetExecutionRole"
  }

  assert {
    condition     = output.stack_set_execution_role_parameters == null
    error_message = "No account must need this project's execution role."
  }
}

run "service_managed" {
  command = plan

  variables {
    stack_set_model         = "SERVICE_MANAGED"
    stack_set_call_as       = "DELEGATED_ADMIN"
    organization_id         = "o-a1b2c3d4e5"
    organizational_unit_ids = ["ou-ab12-c3d4e5f6", "r-ab12"]
  }

  assert {
    condition     = module.members[0].stack_set_names == { roles = "ami-tracker-roles", topics = "ami-tracker-topics" }
    error_message = "There must be a StackSet for the roles and one for the topics."
  }

  assert {
    condition     = output.member_roles_parameters.OrganizationId == "o-a1b2c3d4e5"
    error_message = "The roles must trust only the organisation."
  }
}

run "by_hand" {
  command = plan

  variables {
    stack_set_model       = "NONE"
    fifo_topics           = true
    parameter_paths       = ["/golden/*"]
    shared_parameter_arns = ["arn:aws:ssm:eu-west-1:444455556666:parameter/web"]
    permissions_boundary  = "boundaries/team"
    role_path             = "/platform/"
  }

  assert {
    condition     = length(module.members) == 0
    error_message = "By hand, there must be no StackSet."
  }

  assert {
    condition = output.member_roles_parameters == {
      HubAccountId        = "111122223333"
      LookupRoleName      = "platform/ami-tracker-lookup"
      AggregatorRoleName  = "platform/ami-tracker-aggregator"
      ExternalIds         = "of-the-tests,of-yesterday"
      OrganizationId      = ""
      ReadRoleName        = "ami-tracker-read"
      PublishRoleName     = "ami-tracker-publish"
      TopicName           = "ami-tracker-releases"
      Fifo                = "true"
      Regions             = "eu-west-1,us-east-1"
      ParameterPaths      = "/golden/*"
      SharedParameterArns = "arn:aws:ssm:eu-west-1:444455556666:parameter/web"
      PermissionsBoundary = "boundaries/team"
      RolePath            = "/platform/"
    }
    error_message = "The parameters for deployment by hand must be those of the StackSets."
  }

  assert {
    condition = output.region_topic_parameters == {
      TopicName            = "ami-tracker-releases"
      Fifo                 = "true"
      PublishRoleName      = "platform/ami-tracker-publish"
      OrganizationId       = ""
      SubscriberAccountIds = "333344445555"
      Encryption           = "aws-managed"
    }
    error_message = "The parameters for deployment by hand must be those of the StackSets."
  }

  assert {
    condition     = output.topic_arns["023456701234/eu-west-1"] == "arn:aws:sns:eu-west-1:023456701234:ami-tracker-releases.fifo"
    error_message = "The outputs must contain the topics that are deployed by hand."
  }
}

run "refuses_units_without_service_managed_stack_sets" {
  command = plan

  variables {
    organizational_unit_ids = ["ou-ab12-c3d4e5f6"]
  }

  expect_failures = [data.aws_caller_identity.current]
}

run "refuses_service_managed_stack_sets_without_units" {
  command = plan

  variables {
    stack_set_model = "SERVICE_MANAGED"
    organization_id = "o-a1b2c3d4e5"
  }

  expect_failures = [data.aws_caller_identity.current]
}

run "refuses_service_managed_stack_sets_without_an_organisation" {
  command = plan

  variables {
    stack_set_model         = "SERVICE_MANAGED"
    organizational_unit_ids = ["ou-ab12-c3d4e5f6"]
  }

  expect_failures = [data.aws_caller_identity.current]
}

run "refuses_a_delegated_administrator_of_self_managed_stack_sets" {
  command = plan

  variables {
    stack_set_call_as = "DELEGATED_ADMIN"
  }

  expect_failures = [data.aws_caller_identity.current]
}

run "refuses_an_order_of_unknown_regions" {
  command = plan

  variables {
    stack_set_region_order = ["us-east-1", "eu-wset-1"]
  }

  expect_failures = [data.aws_caller_identity.current]
}
