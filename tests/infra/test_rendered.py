"""The configuration as Terraform renders it: numbers and names that must fit together.

What the services read, emit and are sent is taken from their code, so that neither side can move
alone.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from metric_fakes import data_of, emitted_lines, full_reports, period_of
from terraform import (
    HUB_ACCOUNT,
    HUB_REGION,
    ROOT,
    SERVICES,
    Plan,
    Terraform,
    TerraformError,
    caller,
    checkout,
    environment,
    rendered,
)

from services.aggregator.event import Sweep
from services.aggregator.event import parse_relay_event as read_aggregator_event
from services.aggregator.settings import Settings as AggregatorSettings
from services.embedded.tracker.pipeline import NEW_RELEASES
from services.kernel.keys import DERIVE_INDEX, PENDING_INDEX
from services.kernel.model import Target
from services.lookup.settings import Settings as LookupSettings
from services.scheduler.event import parse_schedule_event as read_scheduler_event
from services.scheduler.health import Cause
from services.scheduler.settings import Settings as SchedulerSettings

pytestmark = [pytest.mark.timeout(900)]

EXTERNAL_ID = "of-the-test"
KEY = f"arn:aws:kms:{HUB_REGION}:{HUB_ACCOUNT}:key/00000000-0000-0000-0000-000000000000"
OTHER_ACCOUNT = "222233334444"
REGIONS = f"""
AccountId: "{HUB_ACCOUNT}"
regions:
  - Name: us-east-1
  - Name: eu-west-1
"""
ORGANIZATION: dict[str, Any] = {
    "external_id": EXTERNAL_ID,
    "organization_id": "o-a1b2c3d4e5",
    "organizational_unit_ids": ["ou-ab12-c3d4e5f6"],
    "customer_keys": True,
    "alarm_emails": ["team@example.com"],
}


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which all plans are made."""
    return tmp_path_factory.mktemp("rendered")


@cache
def basic(scratch: Path, *more_regions: str, **variables: Any) -> Plan:  # noqa: ANN401 - the example's
    """The plan of the basic example, with more lines in regions.yaml."""
    regions = REGIONS + "".join(f"  - {line}\n" for line in more_regions)
    return rendered(scratch, "basic", regions=regions, external_id=EXTERNAL_ID, **variables)


@pytest.fixture(scope="session")
def plan(scratch: Path) -> Plan:
    """The basic example as it is."""
    return basic(scratch)


@pytest.fixture(scope="session")
def keyed(scratch: Path) -> Plan:
    """The basic example with a customer key."""
    return basic(scratch, kms_key_arn=KEY)


@pytest.fixture(scope="session")
def organization(scratch: Path) -> Plan:
    """The example for an organisation."""
    return rendered(scratch, "organization", regions=REGIONS, **ORGANIZATION)


@pytest.fixture(scope="session")
def everything_set(scratch: Path) -> Plan:
    """The basic example with all that the members' templates are told."""
    return rendered(
        scratch,
        "basic",
        regions=REGIONS,
        external_id=EXTERNAL_ID,
        previous_external_ids=["of-yesterday"],
        kms_key_arn=KEY,
        fifo_topics=True,
        organization_id="o-a1b2c3d4e5",
        parameter_paths=["/silver/*", "/golden/*"],
        role_path="/platform/",
        permissions_boundary="boundaries/team",
        subscriber_account_ids=["555566667777", "444455556666"],
    )


def function(plan: Plan, service: str) -> dict[str, Any]:
    """A service's function."""
    return plan.values(f"module.{service}.aws_lambda_function.this")


# --- numbers that must fit together


@pytest.mark.parametrize("numbers", ["plan", "keyed"])
def test_message_stays_hidden_for_six_time_outs(
    numbers: str, request: pytest.FixtureRequest
) -> None:
    """Less, and a message comes back while its lookup still runs (AWS asks for six time-outs)."""
    plan: Plan = request.getfixturevalue(numbers)
    hidden = plan.values("aws_sqs_queue.lookups")["visibility_timeout_seconds"]

    assert hidden >= 6 * function(plan, "lookup")["timeout"]


def test_message_gets_five_chances(plan: Plan) -> None:
    """A lookup that fails in a passing trouble is not given up at once."""
    redrive = plan.policy("aws_sqs_queue.lookups", "redrive_policy")

    assert redrive["maxReceiveCount"] >= 5
    assert redrive["deadLetterTargetArn"].endswith(
        f":{HUB_ACCOUNT}:ami-tracker-lookups-dead-letters"
    )
    assert plan.values("aws_sqs_queue.dead_letters")["name"] == "ami-tracker-lookups-dead-letters"


def test_message_lives_long_enough_for_its_chances(plan: Plan) -> None:
    """It becomes a dead letter before the queue forgets it."""
    queue = plan.values("aws_sqs_queue.lookups")
    chances = plan.policy("aws_sqs_queue.lookups", "redrive_policy")["maxReceiveCount"]

    assert queue["message_retention_seconds"] > chances * queue["visibility_timeout_seconds"]


@pytest.mark.parametrize("name", ["dead_letters", "schedule_dead_letters"])
def test_dead_letters_are_kept_longer_than_messages(plan: Plan, name: str) -> None:
    """A message keeps its age when it becomes a dead letter."""
    queue = plan.values("aws_sqs_queue.lookups")["message_retention_seconds"]

    assert plan.values(f"aws_sqs_queue.{name}")["message_retention_seconds"] > queue


def test_dead_letters_come_from_the_lookups_alone(plan: Plan) -> None:
    """No other queue may redrive into ours, and none at all into the schedules'."""
    allowed = plan.policy("aws_sqs_queue.dead_letters", "redrive_allow_policy")
    denied = plan.policy("aws_sqs_queue.schedule_dead_letters", "redrive_allow_policy")
    lookups = f"arn:aws:sqs:{HUB_REGION}:{HUB_ACCOUNT}:ami-tracker-lookups"

    assert allowed == {"redrivePermission": "byQueue", "sourceQueueArns": [lookups]}
    assert denied == {"redrivePermission": "denyAll"}


@pytest.mark.parametrize("name", ["lookups", "releases"])
def test_mappings_take_partial_failures(plan: Plan, name: str) -> None:
    """Without it, one bad message or record would repeat its whole batch."""
    mapping = plan.values(f"aws_lambda_event_source_mapping.{name}")

    assert mapping["function_response_types"] == ["ReportBatchItemFailures"]


def test_stream_is_read_from_its_beginning(plan: Plan) -> None:
    """What was committed before the mapping was ready is announced as well."""
    mapping = plan.values("aws_lambda_event_source_mapping.releases")

    assert mapping["starting_position"] == "TRIM_HORIZON"
    assert mapping["bisect_batch_on_function_error"]
    assert 0 < mapping["maximum_record_age_in_seconds"] <= 24 * 3600
    assert 0 < mapping["maximum_retry_attempts"] <= 10


def test_sweeps_do_not_overlap(plan: Plan) -> None:
    """Two sweeps at once would publish the same releases twice."""
    (minutes,) = re.findall(
        r"rate\((\d+) minutes\)", plan.values("aws_scheduler_schedule.sweep")["schedule_expression"]
    )

    assert 60 * int(minutes) > function(plan, "aggregator")["timeout"]


@pytest.mark.parametrize("service", SERVICES)
def test_asynchronous_events_are_not_repeated(plan: Plan, service: str) -> None:
    """A sweep or a round that failed is made up for by the next, not by two more at once."""
    config = plan.values(f"module.{service}.aws_lambda_function_event_invoke_config.this")

    assert config["maximum_retry_attempts"] == 0


def test_late_events_do_not_pile_up(plan: Plan) -> None:
    """EventBridge Scheduler and Lambda give an event up when the next one is as good."""
    for schedule, service, interval in (("round", "scheduler", 30), ("sweep", "aggregator", 5)):
        retry = plan.values(f"aws_scheduler_schedule.{schedule}")["target"][0]["retry_policy"][0]
        wait = plan.values(f"module.{service}.aws_lambda_function_event_invoke_config.this")

        assert retry["maximum_event_age_in_seconds"] <= 60 * interval
        assert wait["maximum_event_age_in_seconds"] <= 60 * interval


# --- what the functions are sent


def test_round_event_is_one_that_the_scheduler_reads(plan: Plan) -> None:
    """EventBridge Scheduler finds its placeholder, and what it puts there becomes the round."""
    text = plan.values("aws_scheduler_schedule.round")["target"][0]["input"]
    event = json.loads(text.replace("<aws.scheduler.scheduled-time>", "2026-11-22T07:00:00Z"))
    moment = datetime(2026, 11, 22, 7, 1, tzinfo=UTC)

    assert read_scheduler_event(event, moment) == ("2026-11-22T07:00:00Z", None)


def test_sweep_event_is_one_that_the_aggregator_reads(plan: Plan) -> None:
    """A sweep leaves to the stream what is younger than two minutes."""
    text = plan.values("aws_scheduler_schedule.sweep")["target"][0]["input"]

    assert read_aggregator_event(json.loads(text)) == Sweep(older_than_seconds=120)


def test_stream_filter_lets_new_releases_through(plan: Plan) -> None:
    """The filter is the one that the embedded AWS is tested with."""
    (criteria,) = plan.values("aws_lambda_event_source_mapping.releases")["filter_criteria"]

    assert [json.loads(each["pattern"]) for each in criteria["filter"]] == [NEW_RELEASES]


def test_table_has_the_keys_that_the_rows_have(plan: Plan) -> None:
    """Region and record, and two sparse indexes, keys only; new images in the stream."""
    table = plan.values("aws_dynamodb_table.this")
    indexes = {
        (index["name"], index["hash_key"], index["range_key"], index["projection_type"])
        for index in table["global_secondary_index"]
    }

    assert (table["hash_key"], table["range_key"]) == ("region", "record")
    assert indexes == {
        (name, name, "record", "KEYS_ONLY") for name in (PENDING_INDEX, DERIVE_INDEX)
    }
    assert table["stream_view_type"] == "NEW_IMAGE"
    assert table["billing_mode"] == "PAY_PER_REQUEST"
    assert table["point_in_time_recovery"][0]["enabled"]
    assert table["deletion_protection_enabled"]


@pytest.mark.parametrize("service", SERVICES)
def test_handler_exists(plan: Plan, service: str) -> None:
    """Each function names a handler that can be called."""
    module, _, name = function(plan, service)["handler"].rpartition(".")

    assert callable(getattr(importlib.import_module(module), name))


# --- environment

UNSET = {"scheduler": {"CATALOGUE_PATH"}, "lookup": set[str](), "aggregator": set[str]()}
"""What has a default that holds in every deployment: the zip carries its catalogue."""
FROM_LAMBDA = {"AWS_REGION": HUB_REGION}
SETTINGS = {
    "scheduler": SchedulerSettings.from_env,
    "lookup": LookupSettings.from_env,
    "aggregator": AggregatorSettings.from_env,
}


class Recorded(dict[str, str]):
    """An environment that remembers which of its variables were asked for."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        super().__init__(variables)
        self.asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401 - as `dict` has it
        """The value, as `dict` gives it."""
        self.asked.add(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> str:
        self.asked.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self.asked.add(str(key))
        return super().__contains__(key)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """The module with every value that AWS computes made up: a plan hides whole environments."""
    tree = checkout(tmp_path_factory.mktemp("made"))
    with caller() as endpoint_url:
        terraform = Terraform(tree / "infra/terraform", environment(endpoint_url))
        terraform.init()
        return terraform.applied_by_test("tests/applied.tftest.hcl")


def variables(made: Plan, service: str) -> dict[str, str]:
    """The environment that a function is given."""
    found: dict[str, str] = function(made, service)["environment"][0]["variables"]
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_every_variable_that_is_read_is_set(made: Plan, service: str) -> None:
    """Each function gets the variables that its settings ask for, and none that nobody reads."""
    given = variables(made, service)
    recorded = Recorded(given | FROM_LAMBDA)

    SETTINGS[service](recorded)

    read = {name for name in recorded.asked if not name.startswith("AWS_")}
    assert read - UNSET[service] == set(given)


def test_settings_name_what_is_made(made: Plan) -> None:
    """Table, queue, roles and topic are those of the same deployment."""
    scheduler = SchedulerSettings.from_env(variables(made, "scheduler") | FROM_LAMBDA)
    lookup = LookupSettings.from_env(variables(made, "lookup") | FROM_LAMBDA)
    aggregator = AggregatorSettings.from_env(variables(made, "aggregator") | FROM_LAMBDA)
    table = made.values("aws_dynamodb_table.this")["name"]
    stacks = made.values('aws_cloudformation_stack_set.self_managed["roles"]')["parameters"]

    assert {scheduler.table_name, lookup.table_name, aggregator.table_name} == {table}
    assert scheduler.queue_url == made.values("aws_sqs_queue.lookups")["url"]
    assert scheduler.max_removed_percent == 20
    assert lookup.read_role_name == stacks["ReadRoleName"]
    assert aggregator.publish_role_name == stacks["PublishRoleName"]
    assert aggregator.topic_name == stacks["TopicName"]
    assert [lookup.external_id, aggregator.external_id] == 2 * stacks["ExternalIds"].split(",")


def test_functions_publish_to_fifo_topics_where_there_are_any(everything_set: Plan) -> None:
    """A FIFO topic's name ends in `.fifo`, which tells the aggregator how to publish."""
    plan = everything_set
    settings = AggregatorSettings.from_env(variables(plan, "aggregator") | FROM_LAMBDA)
    stacks = plan.values('aws_cloudformation_stack_set.self_managed["topics"]')["parameters"]

    assert settings.topic_name == "ami-tracker-releases.fifo"
    assert (stacks["TopicName"], stacks["Fifo"]) == ("ami-tracker-releases", "true")


# --- metrics


Metric = tuple[str, str, frozenset[str]]
"""Name, service, and the names of its other dimensions."""


def emitted() -> set[Metric]:
    """Every metric that the code can emit."""
    return {
        (name, service, frozenset(dict(dimensions)) - {"service"})
        for service, report in full_reports([Target(HUB_ACCOUNT, HUB_REGION)])
        for (_, name, dimensions), _ in data_of(emitted_lines(service, report.measures()))
    }


def alarms(plan: Plan) -> dict[str, dict[str, Any]]:
    """Every alarm, by name."""
    found = plan.of_type("aws_cloudwatch_metric_alarm").values()
    return {alarm["alarm_name"]: alarm for alarm in found}


def physical(plan: Plan, kind: str, attribute: str) -> set[str]:
    """The names under which resources of a type are made."""
    return {values[attribute] for values in plan.of_type(kind).values()}


def test_alarms_watch_metrics_that_there_are(plan: Plan) -> None:
    """Each alarm's metric is one that our code emits, or AWS of something that is made here."""
    functions = physical(plan, "aws_lambda_function", "function_name")
    queues = physical(plan, "aws_sqs_queue", "name")

    for alarm in alarms(plan).values():
        for metric in watched(alarm):
            match metric:
                case {"namespace": "AWS/Lambda", "dimensions": {"FunctionName": name, **rest}}:
                    assert (name in functions, metric["metric_name"], rest) == (True, "Errors", {})
                case {"namespace": "AWS/SQS", "dimensions": {"QueueName": name, **rest}}:
                    assert (name in queues, rest) == (True, {})
                case {"namespace": "AmiTracker", "metric_name": name, "dimensions": dimensions}:
                    others = frozenset(dimensions) - {"service"}
                    assert (name, dimensions["service"], others) in emitted()
                case _:
                    pytest.fail(f"{alarm['alarm_name']} watches nothing that is known here")


def watched(alarm: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The metrics that an alarm watches, by itself or in its queries."""
    queries = alarm.get("metric_query") or []
    return [metric for query in queries for metric in query["metric"]] or [dict(alarm)]


def test_an_alarm_for_each_cause(plan: Plan) -> None:
    """The causes are those that the scheduler counts."""
    causes = {
        dict(metric["dimensions"]).get("cause")
        for alarm in alarms(plan).values()
        for metric in watched(alarm)
    }

    assert causes - {None} == {cause.value for cause in Cause}


def shown(plan: Plan) -> Iterator[tuple[str, frozenset[str]]]:
    """Each metric of ours on the dashboard, with its dimensions beside the service."""
    body = plan.policy("aws_cloudwatch_dashboard.this", "dashboard_body")
    for widget in body["widgets"]:
        for metric in widget["properties"]["metrics"]:
            match metric:
                case ["AmiTracker", name, "service", _, {"stat": _}]:
                    yield name, frozenset()
                case ["AmiTracker", name, "service", _, dimension, _, {"stat": _}]:
                    yield name, frozenset([dimension])


def test_dashboard_shows_every_metric(plan: Plan) -> None:
    """Nothing is measured that nobody sees, and no widget stays empty for ever."""
    assert set(shown(plan)) == {(name, dimensions) for name, _, dimensions in emitted()}


def test_two_deployments_do_not_mix_their_metrics(scratch: Path) -> None:
    """Another prefix has a namespace of its own, in the functions as in what watches them."""
    second = basic(scratch, name_prefix="second")
    namespace = "AmiTracker/second"
    settings = LookupSettings.from_env(variables(second, "lookup") | FROM_LAMBDA)
    namespaces = {m["namespace"] for a in alarms(second).values() for m in watched(a)}
    dashboard = second.values("aws_cloudwatch_dashboard.this")["dashboard_body"]

    assert settings.metrics_namespace == namespace
    assert namespaces == {"AWS/Lambda", "AWS/SQS", namespace}
    assert not re.search(r"AmiTracker(?!/second\b)", dashboard)


# --- alarms

RUNBOOK = ROOT / "infra/README.md"


def anchors(path: Path) -> set[str]:
    """The anchors of a Markdown file's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {
        re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings
    }


def test_every_alarm_has_a_heading_in_the_runbook(plan: Plan) -> None:
    """Whoever is woken finds what it means and what to do."""
    named = {
        name.removeprefix("ami-tracker-"): alarm["alarm_description"].rpartition("Runbook: ")[2]
        for name, alarm in alarms(plan).items()
    }

    assert named == {name: f"infra/README.md#{name}" for name in named}
    assert set(named) - anchors(RUNBOOK) == set()


@pytest.mark.parametrize(
    ("output", "stack_set"),
    [("member_roles_parameters", "roles"), ("region_topic_parameters", "topics")],
)
def test_parameters_by_hand_are_those_of_the_stack_sets(
    everything_set: Plan, output: str, stack_set: str
) -> None:
    """Parameters by hand are those of the StackSets, whatever is set.

    The hub does not know for which account they are: it names all regions.
    """
    address = f'aws_cloudformation_stack_set.self_managed["{stack_set}"]'
    by_hand = everything_set.outputs()["ami_tracker"][output]
    regions = {"Regions": "eu-west-1,us-east-1"} if stack_set == "roles" else {}

    given = everything_set.values(address)["parameters"]
    assert by_hand == {**given, **regions}


def test_alarms_tell_somebody_when_they_begin_and_when_they_end(
    made: Plan, organization: Plan
) -> None:
    """Each alarm publishes both to the topic, and each address is subscribed to it."""
    topic = made.values("aws_sns_topic.alarms[0]")["arn"]
    told = organization.of_type("aws_sns_topic_subscription").values()

    for alarm in alarms(made).values():
        assert (alarm["alarm_actions"], alarm["ok_actions"]) == ([topic], [topic])
    assert [each["endpoint"] for each in told] == ["team@example.com"]


def test_alarms_go_to_every_topic_that_is_given(scratch: Path) -> None:
    """The older variable and the list together, each topic once, and none is made."""
    topics = [f"arn:aws:sns:{HUB_REGION}:{HUB_ACCOUNT}:{name}" for name in ("first", "second")]
    several = basic(scratch, alarm_topic_arn=topics[0], alarm_topic_arns=(topics[1], topics[0]))

    for alarm in alarms(several).values():
        assert set(alarm["alarm_actions"]) == set(alarm["ok_actions"]) == set(topics)
        assert len(alarm["alarm_actions"]) == 2
    assert several.outputs()["ami_tracker"]["alarm_topic_arns"] == topics
    assert not [name for name in several.resources() if "aws_sns_topic.alarms" in name]


def test_thresholds_can_be_chosen(scratch: Path) -> None:
    """A cause that is not named keeps its default, in an example as in the module."""
    chosen = rendered(
        scratch,
        "basic",
        regions=REGIONS,
        external_id=EXTERNAL_ID,
        pairs_failing_percent={"access": 5},
        images_never_found_threshold=3,
    )
    found = {
        name.removeprefix("ami-tracker-"): alarm["threshold"]
        for name, alarm in alarms(chosen).items()
        if name.startswith(("ami-tracker-pairs-failing", "ami-tracker-images"))
    }

    assert found == {
        "images-never-found": 3,
        "pairs-failing-throttling": 1,
        "pairs-failing-access": 5,
        "pairs-failing-image": 10,
        "pairs-failing-other": 0,
    }


@pytest.mark.parametrize(
    ("minutes", "schedule"), [(15, "rate(7 minutes)"), (90, None), (10080, "rate(3 days)")]
)
def test_alarms_look_as_far_back_as_cloudwatch_can(
    scratch: Path, minutes: int, schedule: str | None
) -> None:
    """A day at most in periods of minutes, a week in periods of hours."""
    plan = basic(scratch, round_alarm_minutes=minutes, schedule_expression=schedule)
    for alarm in alarms(plan).values():
        period = period_of(alarm)
        longest = 86400 if period < 3600 else 7 * 86400

        assert period * alarm["evaluation_periods"] <= longest, alarm["alarm_name"]
        assert 1 <= alarm["datapoints_to_alarm"] <= alarm["evaluation_periods"]


def test_a_single_failed_round_wakes_nobody(plan: Plan) -> None:
    """What the next round mends by itself must happen twice to be an alarm."""
    causes = [f"pairs-failing-{cause.value}" for cause in Cause]
    errors = ("scheduler-errors", "lookup-errors", "aggregator-errors", "regions-failed")
    repaired = [*errors, *causes]
    found = {name: alarms(plan)[f"ami-tracker-{name}"]["datapoints_to_alarm"] for name in repaired}
    missing = alarms(plan)["ami-tracker-round-missing"]

    assert set(found.values()) == {2}
    assert missing["period"] * missing["datapoints_to_alarm"] >= 2 * 30 * 60
    assert missing["treat_missing_data"] == "breaching"


def test_a_message_that_is_being_retried_is_not_stale(plan: Plan) -> None:
    """Only what nobody takes grows older than all its chances."""
    queue = plan.values("aws_sqs_queue.lookups")
    chances = plan.policy("aws_sqs_queue.lookups", "redrive_policy")["maxReceiveCount"]
    threshold = alarms(plan)["ami-tracker-requests-waiting"]["threshold"]

    assert chances * queue["visibility_timeout_seconds"] < threshold
    assert threshold < queue["message_retention_seconds"]


def statements(document: Mapping[str, Any], principal: str) -> list[dict[str, Any]]:
    """The statements that allow a service something."""
    return [
        statement
        for statement in document["Statement"]
        if statement["Effect"] == "Allow" and statement["Principal"] == {"Service": principal}
    ]


def test_cloudwatch_may_publish_alarms(plan: Plan) -> None:
    """The topic's policy lets the alarms of this account publish, and nobody without TLS."""
    document = plan.policy("aws_sns_topic_policy.alarms[0]")
    (allowed,) = statements(document, "cloudwatch.amazonaws.com")

    assert allowed["Action"] == "sns:Publish"
    assert allowed["Resource"] == f"arn:aws:sns:{HUB_REGION}:{HUB_ACCOUNT}:ami-tracker-alarms"
    assert allowed["Condition"] == {"StringEquals": {"aws:SourceAccount": HUB_ACCOUNT}}
    assert plan.values("aws_sns_topic.alarms[0]")["name"] == "ami-tracker-alarms"
    assert [s["Effect"] for s in document["Statement"]] == ["Allow", "Deny"]


def test_key_of_the_alarm_topic_lets_cloudwatch_publish(organization: Plan) -> None:
    """Without it, alarms of an encrypted topic are lost, and nobody is told."""
    (allowed,) = statements(organization.policy("aws_kms_key.this"), "cloudwatch.amazonaws.com")
    topic = f"arn:aws:sns:{HUB_REGION}:{HUB_ACCOUNT}:ami-tracker-alarms"

    assert set(allowed["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey*"}
    assert allowed["Condition"] == {
        "StringEquals": {"aws:SourceAccount": HUB_ACCOUNT},
        "ArnEquals": {"kms:EncryptionContext:aws:sns:topicArn": topic},
    }


def test_key_lets_the_logs_be_written(organization: Plan) -> None:
    """CloudWatch Logs uses the key in its own name, for each function's log."""
    document = organization.policy("aws_kms_key.this")
    (allowed,) = statements(document, f"logs.{HUB_REGION}.amazonaws.com")
    groups = {
        f"arn:aws:logs:{HUB_REGION}:{HUB_ACCOUNT}:log-group:{values['name']}"
        for values in organization.of_type("aws_cloudwatch_log_group").values()
    }

    assert set(allowed["Condition"]["ArnEquals"]["kms:EncryptionContext:aws:logs:arn"]) == groups


def test_one_key_encrypts_everything(keyed: Plan) -> None:
    """With `kms_key_arn`, nothing stays under a key of AWS's own."""
    attributes = {
        "aws_sqs_queue": "kms_master_key_id",
        "aws_sns_topic": "kms_master_key_id",
        "aws_cloudwatch_log_group": "kms_key_id",
        "aws_lambda_function": "kms_key_arn",
        "aws_scheduler_schedule": "kms_key_arn",
    }
    keys = {
        address: values[attribute]
        for kind, attribute in attributes.items()
        for address, values in keyed.of_type(kind).items()
    }
    table = keyed.values("aws_dynamodb_table.this")["server_side_encryption"]
    topics = keyed.values('aws_cloudformation_stack_set.self_managed["topics"]')["parameters"]

    assert set(keys.values()) == {KEY}
    assert len(keys) == 12
    assert [each["kms_key_arn"] for each in table] == [KEY]
    assert topics["Encryption"] == "customer-key"


def test_table_is_told_that_it_has_no_customer_key(plan: Plan) -> None:
    """Else the provider would leave a table under the key that it once had."""
    (table,) = plan.values("aws_dynamodb_table.this")["server_side_encryption"]

    assert table["enabled"] is False


# --- roles


def role_names(plan: Plan) -> set[str]:
    """The roles of the hub's own."""
    return physical(plan, "aws_iam_role", "name")


@pytest.mark.parametrize("numbers", ["plan", "keyed"])
def test_no_role_may_do_anything_with_everything(
    numbers: str, request: pytest.FixtureRequest
) -> None:
    """Each statement allows named actions on named resources; a `*` stands for what AWS names."""
    plan: Plan = request.getfixturevalue(numbers)
    named = re.compile(r"[^*]+(/aws/lambda/[a-z-]+:log-stream:\*|:table/[a-z-]+/stream/\*)?")
    actions = re.compile(r"[a-z]+:[A-Za-z]+|kms:(GenerateDataKey|ReEncrypt)\*")
    for role in role_names(plan):
        for document in plan.role_policies(role):
            for statement in document["Statement"]:
                assert all(actions.fullmatch(a) for a in as_list(statement["Action"])), role
                assert all(named.fullmatch(r) for r in as_list(statement["Resource"])), role


def as_list(value: str | list[str]) -> list[str]:
    """What a policy writes as one text when it is only one."""
    return [value] if isinstance(value, str) else value


def test_schedules_may_invoke_two_functions(plan: Plan) -> None:
    """And keep what could not be invoked: nothing else."""
    (document,) = plan.role_policies("ami-tracker-schedule")
    allowed = {(s["Action"], tuple(sorted(as_list(s["Resource"])))) for s in document["Statement"]}
    functions = f"arn:aws:lambda:{HUB_REGION}:{HUB_ACCOUNT}:function:ami-tracker"
    dead_letters = f"arn:aws:sqs:{HUB_REGION}:{HUB_ACCOUNT}:ami-tracker-schedule-dead-letters"

    assert allowed == {
        ("lambda:InvokeFunction", (f"{functions}-aggregator", f"{functions}-scheduler")),
        ("sqs:SendMessage", (dead_letters,)),
    }


def test_schedule_role_is_for_schedules_of_this_account(plan: Plan) -> None:
    """Another account cannot have EventBridge Scheduler use the role (the confused deputy)."""
    (statement,) = plan.policy("aws_iam_role.schedule", "assume_role_policy")["Statement"]
    group = f"arn:aws:scheduler:{HUB_REGION}:{HUB_ACCOUNT}:schedule-group/default"

    assert statement["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": HUB_ACCOUNT},
        "ArnEquals": {"aws:SourceArn": group},
    }


def test_key_is_used_through_services_alone(keyed: Plan, plan: Plan) -> None:
    """No role can decrypt anything by itself, and without a key no policy mentions one."""
    used = [s for s in every_statement(keyed) if "kms:" in json.dumps(s["Action"])]

    assert len(used) == 7
    for statement in used:
        assert statement["Resource"] == KEY
        ((_, condition),) = statement["Condition"].items()
        assert set(condition) <= {
            "kms:ViaService",
            "kms:EncryptionContext:aws:scheduler:schedule:arn",
        }
    assert [s for s in every_statement(plan) if "kms:" in json.dumps(s["Action"])] == []


def every_statement(plan: Plan) -> list[dict[str, Any]]:
    """What all of the hub's roles may do."""
    return [
        statement
        for role in sorted(role_names(plan))
        for document in plan.role_policies(role)
        for statement in document["Statement"]
    ]


def test_every_role_has_the_boundary(everything_set: Plan) -> None:
    """A platform that demands a permissions boundary gets it on each role, stacks included."""
    plan = everything_set
    expected = f"arn:aws:iam::{HUB_ACCOUNT}:policy/boundaries/team"
    stacks = [
        values["parameters"]["PermissionsBoundary"]
        for values in plan.resources().values()
        if "PermissionsBoundary" in (values.get("parameters") or {})
    ]

    assert physical(plan, "aws_iam_role", "permissions_boundary") == {expected}
    assert stacks == ["boundaries/team", "boundaries/team"]


TEAM = f"arn:aws:iam::{HUB_ACCOUNT}:policy/boundaries/team"
POWER_USERS = "arn:aws:iam::aws:policy/PowerUserAccess"


@pytest.mark.parametrize(
    ("given", "in_the_hub", "in_the_members"),
    [(TEAM, TEAM, "boundaries/team"), (POWER_USERS, POWER_USERS, POWER_USERS)],
    ids=["the hub's", "of AWS"],
)
def test_a_boundary_may_be_an_arn(
    scratch: Path, given: str, in_the_hub: str, in_the_members: str
) -> None:
    """Members have a policy of the same path and name; a policy of AWS is the same everywhere."""
    made = basic(scratch, permissions_boundary=given)
    stacks = {
        values["parameters"]["PermissionsBoundary"]
        for values in made.resources().values()
        if "PermissionsBoundary" in (values.get("parameters") or {})
    }

    assert physical(made, "aws_iam_role", "permissions_boundary") == {in_the_hub}
    assert stacks == {in_the_members}


@pytest.mark.parametrize(
    "given",
    ["arn:aws:iam::999900001111:policy/team", f"arn:aws-cn:iam::{HUB_ACCOUNT}:policy/team"],
)
def test_a_boundary_of_another_account_is_refused(scratch: Path, given: str) -> None:
    """IAM takes none, and says so only when the first role is made."""
    with pytest.raises(TerraformError, match=f"here {HUB_ACCOUNT} in aws: give the policy's path"):
        basic(scratch, permissions_boundary=given)


def test_every_role_and_policy_has_the_path(everything_set: Plan) -> None:
    """A platform that allows roles below one path only gets them there, and the hub names them so.

    The stack set's execution role has no path: the StackSets API takes a name.
    """
    plan = everything_set
    roles = plan.values('aws_cloudformation_stack_set.self_managed["roles"]')["parameters"]
    topics = plan.values('aws_cloudformation_stack_set.self_managed["topics"]')["parameters"]
    execution = plan.values("aws_cloudformation_stack.execution_role[0]")["parameters"]
    settings = {
        name: value
        for service in ("lookup", "aggregator")
        for name, value in function(plan, service)["environment"][0]["variables"].items()
        if name.endswith("_ROLE_NAME")
    }
    assumed = {
        arn.split(":", 5)[5]
        for role in role_names(plan)
        for document in plan.role_policies(role)
        for arn in resources_to_assume(document)
    }

    assert physical(plan, "aws_iam_role", "path") == {"/platform/"}
    assert roles["RolePath"] == "/platform/"
    assert roles["LookupRoleName"] == "platform/ami-tracker-lookup"
    assert roles["AggregatorRoleName"] == "platform/ami-tracker-aggregator"
    assert topics["PublishRoleName"] == "platform/ami-tracker-publish"
    assert execution["AdministrationRoleName"] == "platform/ami-tracker-stackset-administration"
    assert execution["ReadRoleName"] == "platform/ami-tracker-read"
    assert execution["PublishRoleName"] == topics["PublishRoleName"]
    assert settings == {
        "READ_ROLE_NAME": "platform/ami-tracker-read",
        "PUBLISH_ROLE_NAME": "platform/ami-tracker-publish",
    }
    assert assumed == {
        "role/platform/ami-tracker-read",
        "role/platform/ami-tracker-publish",
        "role/ami-tracker-stackset-execution",
    }


def test_the_hub_names_the_execution_roles_parameters(everything_set: Plan) -> None:
    """What the other accounts deploy is what the hub's own stack is made with."""
    stack = everything_set.values("aws_cloudformation_stack.execution_role[0]")["parameters"]
    output = everything_set.outputs()["ami_tracker"]["stack_set_execution_role_parameters"]

    assert output == stack
    assert output["ParameterPaths"] == "/golden/*,/silver/*"


@pytest.mark.parametrize("name", ["lookups", "dead_letters", "schedule_dead_letters"])
def test_queues_ask_for_tls(plan: Plan, name: str) -> None:
    """Nobody reads or writes a queue over plain HTTP."""
    (statement,) = plan.policy(f"aws_sqs_queue.{name}")["Statement"]

    assert (statement["Effect"], statement["Principal"], statement["Action"]) == (
        "Deny",
        "*",
        "sqs:*",
    )
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Resource"].endswith(f":{plan.values(f'aws_sqs_queue.{name}')['name']}")


# --- one line more in regions.yaml


def changed(before: Plan, after: Plan) -> dict[str, str]:
    """What the second plan says that the first does not, by address: lines of the values' JSON."""
    old, new = before.resources(), after.resources()
    assert set(old) <= set(new)
    return {
        address: "\n".join(sorted(lines_of(values) - lines_of(old.get(address, {}))))
        for address, values in new.items()
        if values != old.get(address)
    }


def lines_of(value: object) -> set[str]:
    """Every text, number and switch within a value, each with the way to it."""
    match value:
        case str() if value.startswith("{"):
            return lines_of(json.loads(value))
        case dict():
            return {f"{key}.{line}" for key, member in value.items() for line in lines_of(member)}
        case list():
            return {line for member in value for line in lines_of(member)}
        case _:
            return {str(value)}


def short(addresses: Iterable[str]) -> set[str]:
    """Addresses without their modules."""
    return {
        address.replace("module.ami_tracker.", "").replace("module.members[0].", "")
        for address in addresses
    }


def test_one_region_line_adds_that_regions_topic(scratch: Path, plan: Plan) -> None:
    """In addition, only the list of regions of that account's roles changes, by the new name."""
    found = changed(plan, basic(scratch, "Name: eu-north-1"))

    assert short(found) == {
        f'aws_cloudformation_stack_set_instance.topics["{HUB_ACCOUNT}/eu-north-1"]',
        f'aws_cloudformation_stack_set_instance.roles["{HUB_ACCOUNT}"]',
    }
    (roles,) = (lines for address, lines in found.items() if ".roles[" in address)
    assert roles == "parameter_overrides.Regions.eu-north-1,eu-west-1,us-east-1"


def test_one_account_line_adds_that_accounts_roles_and_topic(scratch: Path, plan: Plan) -> None:
    """Beside them, only the policies that name the account change."""
    line = f"{{Name: eu-west-1, AccountId: {OTHER_ACCOUNT}}}"
    found = changed(plan, basic(scratch, line))

    assert short(found) == {
        f'aws_cloudformation_stack_set_instance.roles["{OTHER_ACCOUNT}"]',
        f'aws_cloudformation_stack_set_instance.topics["{OTHER_ACCOUNT}/eu-west-1"]',
        "aws_iam_role_policy.administration[0]",
        "module.aggregator.aws_iam_role_policy.this",
        "module.lookup.aws_iam_role_policy.this",
    }
    for address, lines in found.items():
        if "stack_set_instance" not in address:
            assert all(OTHER_ACCOUNT in line for line in lines.splitlines()), address


def test_one_unit_more_adds_its_own_stack_instances(scratch: Path, organization: Plan) -> None:
    """Those of the other units stay: to replace them would take every topic and subscription."""
    units = [*ORGANIZATION["organizational_unit_ids"], "ou-ab12-99999999"]
    more = ORGANIZATION | {"organizational_unit_ids": units}
    found = changed(organization, rendered(scratch, "organization", regions=REGIONS, **more))

    assert short(found) == {
        'aws_cloudformation_stack_set_instance.roles["ou-ab12-99999999"]',
        'aws_cloudformation_stack_set_instance.topics["ou-ab12-99999999/eu-west-1"]',
        'aws_cloudformation_stack_set_instance.topics["ou-ab12-99999999/us-east-1"]',
    }


# --- as many accounts as an organisation has

INLINE_LIMIT, MANAGED_LIMIT = 10_240, 6_144
"""Characters of all inline policies of a role, and of one managed policy.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""


def test_policies_over_two_hundred_accounts_are_short_enough(scratch: Path) -> None:
    """With the longest names, path and customer key; and every account is in one of them."""
    accounts = [f"{number:012}" for number in range(1, 201)]
    lines = [f'{{Name: eu-west-1, AccountId: "{account}"}}' for account in accounts]
    path = f"/{'p' * 38}/"
    large = basic(scratch, *lines, name_prefix="a" * 32, kms_key_arn=KEY, role_path=path)
    roles = [f"{'a' * 32}-{part}" for part in ("lookup", "aggregator", "stackset-administration")]
    managed = [json.loads(values["policy"]) for values in large.of_type("aws_iam_policy").values()]

    assert all(size(document) <= MANAGED_LIMIT for document in managed)
    for role in roles:
        inline = large.role_policies(role)
        assert sum(size(document) for document in inline) <= INLINE_LIMIT, role
    assumable = {arn for document in managed for arn in resources_to_assume(document)}
    for role in roles:
        for document in large.role_policies(role):
            assumable |= resources_to_assume(document)
    paths = {"read": path, "publish": path, "stackset-execution": "/"}
    assert assumable == {
        f"arn:aws:iam::{account}:role{path}{'a' * 32}-{suffix}"
        for account in [HUB_ACCOUNT, *accounts]
        for suffix, path in paths.items()
    }
    assert {values["path"] for values in large.of_type("aws_iam_policy").values()} == {path}
    attached = large.of_type("aws_iam_role_policy_attachment").values()
    assert sorted(values["role"] for values in attached) == sorted(roles * 4)


def size(document: Mapping[str, Any]) -> int:
    """The characters of a policy as IAM counts them: without white space."""
    return len(re.sub(r"\s", "", json.dumps(document)))


def resources_to_assume(document: Mapping[str, Any]) -> set[str]:
    """The roles that a policy lets its holder assume."""
    return {
        arn
        for statement in document["Statement"]
        if "sts:AssumeRole" in as_list(statement["Action"])
        for arn in as_list(statement["Resource"])
    }


# --- two deployments in one account and region

NAMES = ("name", "function_name", "alarm_name", "dashboard_name")


def names(plan: Plan) -> set[str]:
    """The names under which everything is made."""
    return {
        f"{_kind(address)} {values[attribute]}"
        for address, values in plan.resources().items()
        for attribute in NAMES
        if values.get(attribute) and "role_policy" not in address
    }


def _kind(address: str) -> str:
    return re.sub(r"\[[^]]*\]", "", address).split(".")[-2]


@pytest.mark.parametrize("prefix", ["second", "ami-tracker-second", "ami"])
def test_two_prefixes_live_side_by_side(scratch: Path, plan: Plan, prefix: str) -> None:
    """No name is made twice, and no role of one may touch what is the other's."""
    second = basic(scratch, name_prefix=prefix)

    assert names(plan) & names(second) == set()
    assert len(names(plan)) == len(names(second)) > 25
    theirs = {arn for s in every_statement(second) for arn in as_list(s["Resource"])}
    for statement in every_statement(plan):
        for pattern in as_list(statement["Resource"]):
            assert [arn for arn in theirs if fnmatchcase(arn, pattern)] == []
