"""The planned configuration: numbers and names that must match each other and the code.

Settings, metrics and events of the services are read from their code, so a change on one side only
fails a test.
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
from support.aws.metrics import data_of, emitted_lines, full_reports, period_of
from support.aws.terraform import (
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
from services.publisher.event import check_publish_event
from services.publisher.settings import Settings as PublisherSettings
from services.scheduler.event import parse_schedule_event as read_scheduler_event
from services.scheduler.health import Cause
from services.scheduler.settings import Settings as SchedulerSettings

pytestmark = [pytest.mark.timeout(900)]

EXTERNAL_ID = "of-the-test"
KEY = f"arn:aws:kms:{HUB_REGION}:{HUB_ACCOUNT}:key/00000000-0000-0000-0000-000000000000"
OTHER_ACCOUNT = "222233334444"
SHARED = "arn:aws:ssm:eu-west-1:444455556666:parameter"
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
    "site": {"enabled": True},
}


SITE = {"enabled": True}


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all plans."""
    return tmp_path_factory.mktemp("rendered")


def basic(scratch: Path, *more_regions: str, **variables: Any) -> Plan:  # noqa: ANN401 - the example's
    """The plan of the basic example, with more lines in regions.yaml; made once."""
    return _basic(scratch, more_regions, json.dumps(variables))


@cache
def _basic(scratch: Path, more_regions: tuple[str, ...], variables: str) -> Plan:
    regions = REGIONS + "".join(f"  - {line}\n" for line in more_regions)
    given = {"external_id": EXTERNAL_ID, **json.loads(variables)}
    return rendered(scratch, "basic", regions=regions, **given)


@pytest.fixture(scope="session")
def plan(scratch: Path) -> Plan:
    """The basic example with its default values, and a site."""
    return basic(scratch, site=SITE)


@pytest.fixture(scope="session")
def keyed(scratch: Path) -> Plan:
    """The basic example with a customer key, and a site."""
    return basic(scratch, kms_key_arn=KEY, site=SITE)


@pytest.fixture(scope="session")
def organization(scratch: Path) -> Plan:
    """The example for an organisation."""
    return rendered(scratch, "organization", regions=REGIONS, **ORGANIZATION)


@pytest.fixture(scope="session")
def everything_set(scratch: Path) -> Plan:
    """The basic example with every setting of the members' templates."""
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
        shared_parameter_arns=[f"{SHARED}/silver/*", f"{SHARED}/golden"],
        role_path="/platform/",
        permissions_boundary="boundaries/team",
        subscriber_account_ids=["555566667777", "444455556666"],
    )


def function(plan: Plan, service: str) -> dict[str, Any]:
    """A service's function."""
    return plan.values(f"{module_of(service)}.aws_lambda_function.this")


def module_of(service: str) -> str:
    """The module of a service's function."""
    return "module.publisher[0]" if service == "publisher" else f"module.{service}"


# --- numbers that depend on each other


@pytest.mark.parametrize("numbers", ["plan", "keyed"])
def test_visibility_timeout_is_six_function_timeouts(
    numbers: str, request: pytest.FixtureRequest
) -> None:
    """AWS recommends six times the function timeout; a shorter one redelivers running messages."""
    plan: Plan = request.getfixturevalue(numbers)
    hidden = plan.values("aws_sqs_queue.lookups")["visibility_timeout_seconds"]

    assert hidden >= 6 * function(plan, "lookup")["timeout"]


def test_message_is_received_five_times(plan: Plan) -> None:
    """A message moves to the dead-letter queue only after several failed receives."""
    redrive = plan.policy("aws_sqs_queue.lookups", "redrive_policy")

    assert redrive["maxReceiveCount"] >= 5
    assert redrive["deadLetterTargetArn"].endswith(
        f":{HUB_ACCOUNT}:ami-tracker-lookups-dead-letters"
    )
    assert plan.values("aws_sqs_queue.dead_letters")["name"] == "ami-tracker-lookups-dead-letters"


def test_retention_is_long_enough_for_all_receives(plan: Plan) -> None:
    """A message moves to the dead-letter queue before the retention period ends."""
    queue = plan.values("aws_sqs_queue.lookups")
    receives = plan.policy("aws_sqs_queue.lookups", "redrive_policy")["maxReceiveCount"]

    assert queue["message_retention_seconds"] > receives * queue["visibility_timeout_seconds"]


@pytest.mark.parametrize("name", ["dead_letters", "schedule_dead_letters"])
def test_dead_letters_are_kept_longer_than_messages(plan: Plan, name: str) -> None:
    """A message in the dead-letter queue keeps its original enqueue time."""
    queue = plan.values("aws_sqs_queue.lookups")["message_retention_seconds"]

    assert plan.values(f"aws_sqs_queue.{name}")["message_retention_seconds"] > queue


def test_dead_letters_come_only_from_the_lookup_queue(plan: Plan) -> None:
    """Only the lookup queue may use its dead-letter queue, and no queue the schedules' one."""
    allowed = plan.policy("aws_sqs_queue.dead_letters", "redrive_allow_policy")
    denied = plan.policy("aws_sqs_queue.schedule_dead_letters", "redrive_allow_policy")
    lookups = f"arn:aws:sqs:{HUB_REGION}:{HUB_ACCOUNT}:ami-tracker-lookups"

    assert allowed == {"redrivePermission": "byQueue", "sourceQueueArns": [lookups]}
    assert denied == {"redrivePermission": "denyAll"}


@pytest.mark.parametrize("name", ["lookups", "releases"])
def test_mappings_report_partial_failures(plan: Plan, name: str) -> None:
    """Without this setting, one failed message or record would repeat its batch."""
    mapping = plan.values(f"aws_lambda_event_source_mapping.{name}")

    assert mapping["function_response_types"] == ["ReportBatchItemFailures"]


def test_stream_is_read_from_its_beginning(plan: Plan) -> None:
    """Releases that were committed before the mapping was ready are announced too."""
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
    """Lambda does not retry failed sweeps and rounds, because the next one repeats their work."""
    config = plan.values(f"{module_of(service)}.aws_lambda_function_event_invoke_config.this")

    assert config["maximum_retry_attempts"] == 0


def test_late_events_do_not_accumulate(plan: Plan) -> None:
    """EventBridge Scheduler and Lambda discard an event when the next one is due."""
    for schedule, service, interval in (
        ("round", "scheduler", 30),
        ("sweep", "aggregator", 5),
        ("site[0]", "publisher", 60),
    ):
        retry = plan.values(f"aws_scheduler_schedule.{schedule}")["target"][0]["retry_policy"][0]
        wait = plan.values(f"{module_of(service)}.aws_lambda_function_event_invoke_config.this")

        assert retry["maximum_event_age_in_seconds"] <= 60 * interval
        assert wait["maximum_event_age_in_seconds"] <= 60 * interval


# --- events of the functions


def test_scheduler_reads_the_round_event(plan: Plan) -> None:
    """The scheduled time that EventBridge Scheduler inserts is the round."""
    text = plan.values("aws_scheduler_schedule.round")["target"][0]["input"]
    event = json.loads(text.replace("<aws.scheduler.scheduled-time>", "2026-11-22T07:00:00Z"))
    moment = datetime(2026, 11, 22, 7, 1, tzinfo=UTC)

    assert read_scheduler_event(event, moment) == ("2026-11-22T07:00:00Z", None)


def test_aggregator_reads_the_sweep_event(plan: Plan) -> None:
    """A sweep ignores releases younger than two minutes, which the stream delivers."""
    text = plan.values("aws_scheduler_schedule.sweep")["target"][0]["input"]

    assert read_aggregator_event(json.loads(text)) == Sweep(older_than_seconds=120)


def test_publisher_reads_the_event_of_its_schedule(plan: Plan) -> None:
    """The publisher accepts no other event."""
    text = plan.values("aws_scheduler_schedule.site[0]")["target"][0]["input"]

    check_publish_event(json.loads(text))


def test_runs_of_the_publisher_do_not_overlap(scratch: Path) -> None:
    """At the shortest interval, an event that is delayed twice and a run end before the next run.

    Two runs at once could replace newer files by older ones until the next run.
    """
    made = basic(scratch, site={"enabled": True, "interval_minutes": 15})
    target = made.values("aws_scheduler_schedule.site[0]")["target"][0]
    retried = target["retry_policy"][0]["maximum_event_age_in_seconds"]
    wait = made.values("module.publisher[0].aws_lambda_function_event_invoke_config.this")
    delays = (retried, wait["maximum_event_age_in_seconds"])

    assert sum(delays) + function(made, "publisher")["timeout"] <= 15 * 60


def test_stream_filter_matches_new_releases(plan: Plan) -> None:
    """The filter is the one of the tests with the embedded AWS."""
    (criteria,) = plan.values("aws_lambda_event_source_mapping.releases")["filter_criteria"]

    assert [json.loads(each["pattern"]) for each in criteria["filter"]] == [NEW_RELEASES]


def test_table_has_the_keys_of_the_rows(plan: Plan) -> None:
    """The table has the keys of the rows, two sparse indexes, and a stream of new images."""
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

UNSET = {
    "scheduler": {"CATALOGUE_PATH"},
    "lookup": set[str](),
    "aggregator": set[str](),
    "publisher": set[str](),
}
"""Variables whose default is right in every deployment: the zip contains the catalogue."""
FROM_LAMBDA = {"AWS_REGION": HUB_REGION}
SETTINGS = {
    "scheduler": SchedulerSettings.from_env,
    "lookup": LookupSettings.from_env,
    "aggregator": AggregatorSettings.from_env,
    "publisher": PublisherSettings.from_env,
}


class Recorded(dict[str, str]):
    """An environment that records which variables were read."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        super().__init__(variables)
        self.read: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401 - as `dict` has it
        """The value as `dict.get` returns it."""
        self.read.add(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> str:
        self.read.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self.read.add(str(key))
        return super().__contains__(key)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """The applied module with mocked providers: a plan does not show the environments."""
    tree = checkout(tmp_path_factory.mktemp("made"))
    with caller() as endpoint_url:
        terraform = Terraform(tree / "infra/terraform", environment(endpoint_url))
        terraform.init()
        return terraform.applied_by_test("tests/applied.tftest.hcl")


def variables(made: Plan, service: str) -> dict[str, str]:
    """The environment variables of a function."""
    found: dict[str, str] = function(made, service)["environment"][0]["variables"]
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_every_variable_that_is_read_is_set(made: Plan, service: str) -> None:
    """Each function has exactly the variables that its settings read."""
    given = variables(made, service)
    recorded = Recorded(given | FROM_LAMBDA)

    SETTINGS[service](recorded)

    read = {name for name in recorded.read if not name.startswith("AWS_")}
    assert read - UNSET[service] == given.keys() - {"AWS_CA_BUNDLE"}


def test_settings_name_the_deployed_resources(made: Plan) -> None:
    """Table, queue, roles and topic of the settings are those of the deployment."""
    scheduler = SchedulerSettings.from_env(variables(made, "scheduler") | FROM_LAMBDA)
    lookup = LookupSettings.from_env(variables(made, "lookup") | FROM_LAMBDA)
    aggregator = AggregatorSettings.from_env(variables(made, "aggregator") | FROM_LAMBDA)
    publisher = PublisherSettings.from_env(variables(made, "publisher") | FROM_LAMBDA)
    table = made.values("aws_dynamodb_table.this")["name"]
    stacks = made.values('aws_cloudformation_stack_set.self_managed["roles"]')["parameters"]

    services = (scheduler, lookup, aggregator, publisher)
    assert {settings.table_name for settings in services} == {table}
    assert publisher.bucket_name == made.values("aws_s3_bucket.site[0]")["bucket"]
    assert (publisher.prefix, publisher.lag_hours, publisher.releases) == ("team/", 72, 10)
    assert scheduler.queue_url == made.values("aws_sqs_queue.lookups")["url"]
    assert scheduler.max_removed_percent == 20
    assert scheduler.interval_minutes == 30
    assert lookup.read_role_name == stacks["ReadRoleName"]
    assert aggregator.publish_role_name == stacks["PublishRoleName"]
    assert aggregator.topic_name == stacks["TopicName"]
    assert [lookup.external_id, aggregator.external_id] == 2 * stacks["ExternalIds"].split(",")


def test_functions_publish_to_fifo_topics_where_there_are_any(everything_set: Plan) -> None:
    """The aggregator recognises a FIFO topic by the suffix `.fifo` of its name."""
    plan = everything_set
    settings = AggregatorSettings.from_env(variables(plan, "aggregator") | FROM_LAMBDA)
    stacks = plan.values('aws_cloudformation_stack_set.self_managed["topics"]')["parameters"]

    assert settings.topic_name == "ami-tracker-releases.fifo"
    assert (stacks["TopicName"], stacks["Fifo"]) == ("ami-tracker-releases", "true")


@pytest.mark.parametrize("service", SERVICES)
def test_only_a_given_bundle_of_certificates_is_set(
    made: Plan, everything_set: Plan, service: str
) -> None:
    """Without one, the function uses the bundle of its package."""
    assert variables(made, service)["AWS_CA_BUNDLE"] == "/opt/ca.pem"
    if service in {"lookup", "aggregator"}:  # a plan has the environments of these
        assert "AWS_CA_BUNDLE" not in variables(everything_set, service)


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
    """The physical names of resources of a type."""
    return {values[attribute] for values in plan.of_type(kind).values()}


def test_alarms_use_existing_metrics(plan: Plan) -> None:
    """Our code emits each alarm's metric, or AWS does for a deployed function or queue."""
    functions = physical(plan, "aws_lambda_function", "function_name")
    queues = physical(plan, "aws_sqs_queue", "name")

    for alarm in alarms(plan).values():
        for metric in watched(alarm):
            match metric:
                case {"namespace": "AWS/Lambda", "dimensions": {"FunctionName": name, **rest}}:
                    assert metric["metric_name"] in {"Errors", "Invocations"}
                    assert (name in functions, rest) == (True, {})
                case {"namespace": "AWS/SQS", "dimensions": {"QueueName": name, **rest}}:
                    assert (name in queues, rest) == (True, {})
                case {"namespace": "AmiTracker", "metric_name": name, "dimensions": dimensions}:
                    others = frozenset(dimensions) - {"service"}
                    assert (name, dimensions["service"], others) in emitted()
                case _:
                    pytest.fail(f"{alarm['alarm_name']} has an unknown metric")


def watched(alarm: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The metrics of an alarm or of its queries."""
    queries = alarm.get("metric_query") or []
    return [metric for query in queries for metric in query["metric"]] or [dict(alarm)]


def test_each_cause_has_an_alarm(plan: Plan) -> None:
    """The causes of the alarms are those that the scheduler counts."""
    causes = {
        dict(metric["dimensions"]).get("cause")
        for alarm in alarms(plan).values()
        for metric in watched(alarm)
    }

    assert causes - {None} == {cause.value for cause in Cause}


def shown(plan: Plan) -> Iterator[tuple[str, frozenset[str]]]:
    """Each of our metrics on the dashboard, with its dimensions except the service."""
    body = plan.policy("aws_cloudwatch_dashboard.this", "dashboard_body")
    for widget in body["widgets"]:
        for metric in widget["properties"]["metrics"]:
            match metric:
                case ["AmiTracker", name, "service", _, {"stat": _}]:
                    yield name, frozenset()
                case ["AmiTracker", name, "service", _, dimension, _, {"stat": _}]:
                    yield name, frozenset([dimension])


def test_dashboard_shows_every_metric(plan: Plan) -> None:
    """The dashboard has every metric that the code emits, and no others."""
    assert set(shown(plan)) == {(name, dimensions) for name, _, dimensions in emitted()}


def test_deployments_have_separate_metrics(scratch: Path) -> None:
    """Another prefix has its own namespace in functions, alarms and dashboard."""
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
    """Each alarm's description links to a heading of the runbook."""
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
    """The output for manual deployments has the parameters of the StackSets.

    It names all regions, because it is the same for each account.
    """
    address = f'aws_cloudformation_stack_set.self_managed["{stack_set}"]'
    by_hand = everything_set.outputs()["ami_tracker"][output]
    regions = {"Regions": "eu-west-1,us-east-1"} if stack_set == "roles" else {}

    given = everything_set.values(address)["parameters"]
    assert by_hand == {**given, **regions}


def test_alarms_notify_about_alarm_and_ok(made: Plan, organization: Plan) -> None:
    """Each alarm publishes both states to the topic, and each address is subscribed to it."""
    topic = made.values("aws_sns_topic.alarms[0]")["arn"]
    subscriptions = organization.of_type("aws_sns_topic_subscription").values()

    for alarm in alarms(made).values():
        assert (alarm["alarm_actions"], alarm["ok_actions"]) == ([topic], [topic])
    assert [each["endpoint"] for each in subscriptions] == ["team@example.com"]


def test_alarms_publish_to_every_given_topic(scratch: Path) -> None:
    """Alarms use the topics of both variables, each once, and no topic is created."""
    topics = [f"arn:aws:sns:{HUB_REGION}:{HUB_ACCOUNT}:{name}" for name in ("first", "second")]
    several = basic(scratch, alarm_topic_arn=topics[0], alarm_topic_arns=(topics[1], topics[0]))

    for alarm in alarms(several).values():
        assert set(alarm["alarm_actions"]) == set(alarm["ok_actions"]) == set(topics)
        assert len(alarm["alarm_actions"]) == 2
    assert several.outputs()["ami_tracker"]["alarm_topic_arns"] == topics
    assert not [name for name in several.resources() if "aws_sns_topic.alarms" in name]


def test_thresholds_can_be_chosen(scratch: Path) -> None:
    """A cause without a threshold keeps its default, in an example as in the module."""
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
def test_alarms_respect_the_evaluation_limits_of_cloudwatch(
    scratch: Path, minutes: int, schedule: str | None
) -> None:
    """CloudWatch evaluates one day with periods of minutes, and one week with periods of hours."""
    plan = basic(scratch, round_alarm_minutes=minutes, schedule_expression=schedule)
    for alarm in alarms(plan).values():
        period = period_of(alarm)
        longest = 86400 if period < 3600 else 7 * 86400

        assert period * alarm["evaluation_periods"] <= longest, alarm["alarm_name"]
        assert 1 <= alarm["datapoints_to_alarm"] <= alarm["evaluation_periods"]


def test_single_failed_round_starts_no_alarm(plan: Plan) -> None:
    """Failures that the next round can repair start an alarm only if they occur twice."""
    causes = [f"pairs-failing-{cause.value}" for cause in Cause]
    errors = ("scheduler-errors", "lookup-errors", "aggregator-errors", "regions-failed")
    repaired = [*errors, *causes]
    found = {name: alarms(plan)[f"ami-tracker-{name}"]["datapoints_to_alarm"] for name in repaired}
    missing = alarms(plan)["ami-tracker-round-missing"]

    assert set(found.values()) == {2}
    assert missing["period"] * missing["datapoints_to_alarm"] >= 2 * 30 * 60
    assert missing["treat_missing_data"] == "breaching"


def test_message_that_is_retried_starts_no_alarm(plan: Plan) -> None:
    """The alarm's threshold is longer than all receives of a message."""
    queue = plan.values("aws_sqs_queue.lookups")
    receives = plan.policy("aws_sqs_queue.lookups", "redrive_policy")["maxReceiveCount"]
    threshold = alarms(plan)["ami-tracker-requests-waiting"]["threshold"]

    assert receives * queue["visibility_timeout_seconds"] < threshold
    assert threshold < queue["message_retention_seconds"]


def statements(document: Mapping[str, Any], principal: str) -> list[dict[str, Any]]:
    """The statements that allow actions of a service."""
    return [
        statement
        for statement in document["Statement"]
        if statement["Effect"] == "Allow" and statement["Principal"] == {"Service": principal}
    ]


def test_cloudwatch_may_publish_alarms(plan: Plan) -> None:
    """The topic's policy allows alarms of this account, and denies calls without TLS."""
    document = plan.policy("aws_sns_topic_policy.alarms[0]")
    (allowed,) = statements(document, "cloudwatch.amazonaws.com")

    assert allowed["Action"] == "sns:Publish"
    assert allowed["Resource"] == f"arn:aws:sns:{HUB_REGION}:{HUB_ACCOUNT}:ami-tracker-alarms"
    assert allowed["Condition"] == {"StringEquals": {"aws:SourceAccount": HUB_ACCOUNT}}
    assert plan.values("aws_sns_topic.alarms[0]")["name"] == "ami-tracker-alarms"
    assert [s["Effect"] for s in document["Statement"]] == ["Allow", "Deny"]


def test_key_of_the_alarm_topic_allows_cloudwatch(organization: Plan) -> None:
    """Without the statement, alarms cannot publish to an encrypted topic."""
    (allowed,) = statements(organization.policy("aws_kms_key.this"), "cloudwatch.amazonaws.com")
    topic = f"arn:aws:sns:{HUB_REGION}:{HUB_ACCOUNT}:ami-tracker-alarms"

    assert set(allowed["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey*"}
    assert allowed["Condition"] == {
        "StringEquals": {"aws:SourceAccount": HUB_ACCOUNT},
        "ArnEquals": {"kms:EncryptionContext:aws:sns:topicArn": topic},
    }


def test_key_allows_the_log_groups(organization: Plan) -> None:
    """CloudWatch Logs may use the key for each function's log group."""
    document = organization.policy("aws_kms_key.this")
    (allowed,) = statements(document, f"logs.{HUB_REGION}.amazonaws.com")
    groups = {
        f"arn:aws:logs:{HUB_REGION}:{HUB_ACCOUNT}:log-group:{values['name']}"
        for values in organization.of_type("aws_cloudwatch_log_group").values()
    }

    assert set(allowed["Condition"]["ArnEquals"]["kms:EncryptionContext:aws:logs:arn"]) == groups


def test_one_key_encrypts_everything(keyed: Plan) -> None:
    """With `kms_key_arn`, no resource uses an AWS owned or AWS managed key."""
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

    (objects,) = keyed.values("aws_s3_bucket_server_side_encryption_configuration.site[0]")["rule"]

    assert set(keys.values()) == {KEY}
    assert len(keys) == 15
    assert objects["apply_server_side_encryption_by_default"][0]["kms_master_key_id"] == KEY
    assert [each["kms_key_arn"] for each in table] == [KEY]
    assert topics["Encryption"] == "customer-key"


def test_table_disables_a_former_customer_key(plan: Plan) -> None:
    """Without the explicit setting, the provider would keep a table's former customer key."""
    (table,) = plan.values("aws_dynamodb_table.this")["server_side_encryption"]

    assert table["enabled"] is False


# --- roles


def role_names(plan: Plan) -> set[str]:
    """The names of the hub's roles."""
    return physical(plan, "aws_iam_role", "name")


@pytest.mark.parametrize("numbers", ["plan", "keyed"])
def test_policies_have_no_wildcards(numbers: str, request: pytest.FixtureRequest) -> None:
    """Each statement names actions and resources; `*` is only in parts that AWS generates."""
    plan: Plan = request.getfixturevalue(numbers)
    named = re.compile(
        r"[^*]+(/aws/lambda/[a-z-]+:log-stream:\*|:table/[a-z-]+/stream/\*|:s3:::[a-z0-9-]+/feed/\*)?"
    )
    actions = re.compile(r"[a-z0-9]+:[A-Za-z]+|kms:(GenerateDataKey|ReEncrypt)\*")
    for role in role_names(plan):
        for document in plan.role_policies(role):
            for statement in document["Statement"]:
                assert all(actions.fullmatch(a) for a in as_list(statement["Action"])), role
                assert all(named.fullmatch(r) for r in as_list(statement["Resource"])), role


def as_list(value: str | list[str]) -> list[str]:
    """A value of a policy as a list; a single value may be a string."""
    return [value] if isinstance(value, str) else value


@pytest.mark.parametrize("site", [None, SITE], ids=["without a site", "with a site"])
def test_schedules_may_invoke_their_functions(scratch: Path, site: dict[str, Any] | None) -> None:
    """The schedules' role may invoke their functions and send to one dead-letter queue."""
    plan = basic(scratch, site=site)
    (document,) = plan.role_policies("ami-tracker-schedule")
    allowed = {(s["Action"], tuple(sorted(as_list(s["Resource"])))) for s in document["Statement"]}
    functions = f"arn:aws:lambda:{HUB_REGION}:{HUB_ACCOUNT}:function:ami-tracker"
    dead_letters = f"arn:aws:sqs:{HUB_REGION}:{HUB_ACCOUNT}:ami-tracker-schedule-dead-letters"

    assert allowed == {
        (
            "lambda:InvokeFunction",
            (
                f"{functions}-aggregator",
                *([f"{functions}-publisher"] if site else []),
                f"{functions}-scheduler",
            ),
        ),
        ("sqs:SendMessage", (dead_letters,)),
    }


def test_schedule_role_is_for_schedules_of_this_account(plan: Plan) -> None:
    """EventBridge Scheduler cannot use the role for another account (confused deputy)."""
    (statement,) = plan.policy("aws_iam_role.schedule", "assume_role_policy")["Statement"]
    group = f"arn:aws:scheduler:{HUB_REGION}:{HUB_ACCOUNT}:schedule-group/default"

    assert statement["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": HUB_ACCOUNT},
        "ArnEquals": {"aws:SourceArn": group},
    }


def test_key_is_used_only_through_services(keyed: Plan, plan: Plan) -> None:
    """No role can call KMS directly, and without a customer key no policy allows KMS."""
    used = [s for s in every_statement(keyed) if "kms:" in json.dumps(s["Action"])]

    assert len(used) == 9
    for statement in used:
        assert statement["Resource"] == KEY
        ((_, condition),) = statement["Condition"].items()
        assert set(condition) <= {
            "kms:ViaService",
            "kms:EncryptionContext:aws:scheduler:schedule:arn",
        }
    assert [s for s in every_statement(plan) if "kms:" in json.dumps(s["Action"])] == []


def every_statement(plan: Plan) -> list[dict[str, Any]]:
    """All statements of the hub's roles."""
    return [
        statement
        for role in sorted(role_names(plan))
        for document in plan.role_policies(role)
        for statement in document["Statement"]
    ]


def test_every_role_has_the_boundary(everything_set: Plan) -> None:
    """The permissions boundary is set on each role, including those of stacks."""
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
def test_boundary_may_be_an_arn(
    scratch: Path, given: str, in_the_hub: str, in_the_members: str
) -> None:
    """Members get the path and name of the hub's policy, or the ARN of an AWS managed policy."""
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
def test_boundary_of_another_account_is_refused(scratch: Path, given: str) -> None:
    """IAM does not accept such a boundary, but would refuse it only during the apply."""
    with pytest.raises(TerraformError, match=f"here {HUB_ACCOUNT} in aws: give the policy's path"):
        basic(scratch, permissions_boundary=given)


def test_every_role_and_policy_has_the_path(everything_set: Plan) -> None:
    """All roles and policies have the path, and the hub's settings name roles with it.

    The execution role of the StackSets has no path, because the StackSets API takes only a name.
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


def test_output_has_the_execution_roles_parameters(everything_set: Plan) -> None:
    """The output for the other accounts has the parameters of the hub's own stack."""
    stack = everything_set.values("aws_cloudformation_stack.execution_role[0]")["parameters"]
    output = everything_set.outputs()["ami_tracker"]["stack_set_execution_role_parameters"]

    assert output == stack
    assert output["ParameterPaths"] == "/golden/*,/silver/*"
    assert output["SharedParameterArns"] == f"{SHARED}/golden,{SHARED}/silver/*"


@pytest.mark.parametrize("name", ["lookups", "dead_letters", "schedule_dead_letters"])
def test_queues_require_tls(plan: Plan, name: str) -> None:
    """The queues deny calls without TLS."""
    (statement,) = plan.policy(f"aws_sqs_queue.{name}")["Statement"]

    assert (statement["Effect"], statement["Principal"], statement["Action"]) == (
        "Deny",
        "*",
        "sqs:*",
    )
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Resource"].endswith(f":{plan.values(f'aws_sqs_queue.{name}')['name']}")


# --- an added line in regions.yaml


def changed(before: Plan, after: Plan) -> dict[str, str]:
    """The values of the second plan that are not in the first one, as lines by address."""
    old, new = before.resources(), after.resources()
    assert set(old) <= set(new)
    return {
        address: "\n".join(sorted(lines_of(values) - lines_of(old.get(address, {}))))
        for address, values in new.items()
        if values != old.get(address)
    }


def lines_of(value: object) -> set[str]:
    """Every scalar in a value, as text with its path."""
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


def test_added_region_creates_its_topic(scratch: Path, plan: Plan) -> None:
    """Apart from the topic, only the regions of the account's roles change."""
    found = changed(plan, basic(scratch, "Name: eu-north-1", site=SITE))

    assert short(found) == {
        f'aws_cloudformation_stack_set_instance.topics["{HUB_ACCOUNT}/eu-north-1"]',
        f'aws_cloudformation_stack_set_instance.roles["{HUB_ACCOUNT}"]',
    }
    (roles,) = (lines for address, lines in found.items() if ".roles[" in address)
    assert roles == "parameter_overrides.Regions.eu-north-1,eu-west-1,us-east-1"


def test_added_account_creates_its_roles_and_topic(scratch: Path, plan: Plan) -> None:
    """Apart from roles and topic, only the policies that name the account change."""
    line = f"{{Name: eu-west-1, AccountId: {OTHER_ACCOUNT}}}"
    found = changed(plan, basic(scratch, line, site=SITE))

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


def test_added_unit_creates_its_stack_instances(scratch: Path, organization: Plan) -> None:
    """Other units keep their stack instances, and so their topics and subscriptions."""
    units = [*ORGANIZATION["organizational_unit_ids"], "ou-ab12-99999999"]
    more = ORGANIZATION | {"organizational_unit_ids": units}
    found = changed(organization, rendered(scratch, "organization", regions=REGIONS, **more))

    assert short(found) == {
        'aws_cloudformation_stack_set_instance.roles["ou-ab12-99999999"]',
        'aws_cloudformation_stack_set_instance.topics["ou-ab12-99999999/eu-west-1"]',
        'aws_cloudformation_stack_set_instance.topics["ou-ab12-99999999/us-east-1"]',
    }


# --- many accounts

INLINE_LIMIT, MANAGED_LIMIT = 10_240, 6_144
"""Characters of all inline policies of a role, and of one managed policy.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""


def test_policies_for_two_hundred_accounts_are_within_the_quotas(scratch: Path) -> None:
    """The policies with the longest names are within IAM's quotas and name every account."""
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
    """The number of characters of a policy that IAM counts: without white space."""
    return len(re.sub(r"\s", "", json.dumps(document)))


def resources_to_assume(document: Mapping[str, Any]) -> set[str]:
    """The roles that a policy allows to assume."""
    return {
        arn
        for statement in document["Statement"]
        if "sts:AssumeRole" in as_list(statement["Action"])
        for arn in as_list(statement["Resource"])
    }


# --- two deployments in one account and region

NAMES = ("name", "function_name", "alarm_name", "dashboard_name")


def names(plan: Plan) -> set[str]:
    """The physical names of all resources, with their types."""
    return {
        f"{_kind(address)} {values[attribute]}"
        for address, values in plan.resources().items()
        for attribute in NAMES
        if values.get(attribute) and "role_policy" not in address
    }


def _kind(address: str) -> str:
    return re.sub(r"\[[^]]*\]", "", address).split(".")[-2]


@pytest.mark.parametrize("prefix", ["second", "ami-tracker-second", "ami"])
def test_deployments_with_different_prefixes_are_separate(
    scratch: Path, plan: Plan, prefix: str
) -> None:
    """No name is used twice, and no role may use resources of the other deployment."""
    second = basic(scratch, name_prefix=prefix, site=SITE)

    assert names(plan) & names(second) == set()
    assert len(names(plan)) == len(names(second)) > 25
    second_arns = {arn for s in every_statement(second) for arn in as_list(s["Resource"])}
    for statement in every_statement(plan):
        for pattern in as_list(statement["Resource"]):
            assert [arn for arn in second_arns if fnmatchcase(arn, pattern)] == []
