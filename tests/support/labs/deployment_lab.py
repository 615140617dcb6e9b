"""A complete deployment: the hub by Terraform, the members by CloudFormation, running functions.

The deployment is on ministack. The embedded AWS in this process answers the lookups' calls to SSM
and EC2; the tests change its images and parameters.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from services.embedded.aws.server import HUB_ACCOUNT as EMBEDDED_ACCOUNT
from services.embedded.aws.server import EmbeddedAws
from services.embedded.tracker.subscriptions import Inbox, Received
from services.kernel.keys import image_record, releases_of, round_record
from services.kernel.model import ParameterLookup, Release, Request, Target
from services.kernel.records import decode_pair
from services.kernel.release_records import decode_release
from services.kernel.table import query_rows
from services.kernel.wire import encode_request
from support.aws.ministack import Ministack, eventually, ministack
from support.aws.packages import ARCHITECTURE, build, require_linux
from support.aws.runbook import Shell
from support.aws.terraform import Plan, Terraform, checkout

T = TypeVar("T")

HUB = "111122223333"
MEMBER = "222233334444"
THIRD_ACCOUNT = "444455556666"
SUBSCRIBER = "777788889999"

HUB_REGION = "us-east-1"
STANDBY_REGION = "us-west-2"
SUBSCRIBER_REGION = "eu-north-1"
VIRGINIA = Target(HUB, "us-east-1")
IRELAND = Target(MEMBER, "eu-west-1")
FRANKFURT = Target(THIRD_ACCOUNT, "eu-central-1")
TARGETS = (VIRGINIA, IRELAND, FRANKFURT)

PREFIX = "ami-tracker"
EXTERNAL_ID = "of-the-deployment-test"
PUBLISHER = "309956199498"
FUNCTIONS = ("scheduler", "lookup", "aggregator", "publisher")
BUCKET = f"{PREFIX}-site-{HUB}-{HUB_REGION}"

IMAGES = f"""\
images:
  - Name: by-parameter
    ParameterPath: /aws/service/by-parameter/image_id
  - Name: by-filter
    Owners: ["{PUBLISHER}"]
    Filters:
      - Name: name
        Values: ["by-filter-*"]
  - Name: nowhere
    ParameterPath: /aws/service/nowhere/image_id
"""
MUMBAI = Target(HUB, "ap-south-1")
"""Not watched at first: see `Deployment.watch`."""

REGIONS = f"""\
AccountId: "{HUB}"
regions:
  - Name: {VIRGINIA.region}
  - Name: {IRELAND.region}
    AccountId: "{MEMBER}"
  - Name: {FRANKFURT.region}
    AccountId: "{THIRD_ACCOUNT}"
"""
VARIABLES: Mapping[str, object] = {
    "external_id": EXTERNAL_ID,
    "architecture": ARCHITECTURE,
    "stack_set_model": "NONE",  # ministack has no StackSets: see `add_member`
    "subscriber_account_ids": [SUBSCRIBER],
    "deletion_protection": False,
    "site": {"enabled": True},
}

# The module refuses such a schedule, and ministack has no saved queries.
OVERRIDE = """\
resource "aws_scheduler_schedule" "round" {
  schedule_expression = "rate(1 minute)"
}

resource "aws_cloudwatch_query_definition" "this" {
  for_each = {}
}
"""

Event = tuple[str, str, str, str]
"""An announcement: region, image, kind, image id."""


@dataclass
class Deployment:
    """The deployment with image publishers, member accounts and a subscriber."""

    aws: Ministack
    embedded: EmbeddedAws
    folder: Path
    inbox: Inbox
    shell: Shell
    _terraform: Terraform
    table: str = PREFIX
    region: str = HUB_REGION
    _received: list[Received] = field(default_factory=list)
    _images: int = 0

    @property
    def tree(self) -> Path:
        """The copy of the repository that is deployed from."""
        return self.folder / "tree"

    def client(self, service: str, region: str = "", account_id: str = HUB) -> Any:  # noqa: ANN401 - the caller narrows it
        """A client of an account's root user, in the hub's region unless another is given."""
        return self.aws.client(service, region or self.region, account_id)

    # --- the hub

    def apply(self) -> None:
        """Deploy the hub."""
        self._terraform.init()
        self._terraform.apply(**VARIABLES)

    def plan(self) -> Plan:
        """What applying again would change."""
        return self._terraform.plan(**VARIABLES)

    def watch(self, *more: Target) -> None:
        """Add lines to regions.yaml and build the packages, as a person and `make package` do."""
        lines = [f'  - Name: {t.region}\n    AccountId: "{t.account_id}"\n' for t in more]
        regions = self.tree / "regions.yaml"
        regions.write_text(REGIONS + "".join(lines), encoding="utf-8")
        new = self.tree / "build/new"
        build(new, images=self.folder / "images", regions=regions)
        shutil.copytree(new, self.tree / "build/packages", dirs_exist_ok=True)

    def subscriber(self) -> Subscriber:
        """The example of one queue for every region, in the hub's account, before its first apply.

        Not in an account of its own, since ministack's CloudFormation subscribes in its own account
        alone.
        """
        folder = self.tree / "infra/examples/queue-in-every-region"
        terraform = Terraform(folder, self.aws.environment(HUB, SUBSCRIBER_REGION))
        terraform.init()
        return Subscriber(terraform, self.client("sqs", SUBSCRIBER_REGION))

    def destroy(self) -> None:
        """Destroy the hub."""
        self._terraform.destroy(**VARIABLES)

    def configure(self, root: str, **variables: object) -> None:
        """Write the settings of an example root, for the runbook's commands."""
        text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in variables.items())
        path = self.shell.folder / "infra/terraform/examples" / root / "terraform.tfvars"
        path.write_text(text, encoding="utf-8")

    # --- images and parameters

    def publish(self, name: str, *targets: Target) -> str:
        """Register an image and set its parameter in each target; return the image id."""
        self._images += 1
        image_id = f"ami-{self._images:017x}"
        for target in targets:
            self.embedded.publishers.register_image(
                EMBEDDED_ACCOUNT,
                target.region,
                f"{name}-{self._images:03d}",
                datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=self._images),
                owner_id=PUBLISHER,
                image_id=image_id,
            )
            self.point(name, image_id, target)
        return image_id

    def point(self, name: str, image_id: str, target: Target) -> None:
        """Set an image's parameter to an image id."""
        self.embedded.publishers.put_parameter(
            EMBEDDED_ACCOUNT, target.region, _path(name), image_id
        )

    def called_regions(self) -> set[str]:
        """The regions in which the lookups have called SSM or EC2."""
        return {call.region for call in self.embedded.calls()}

    # --- the members and the subscriber

    def add_member(self, target: Target) -> None:
        """Deploy the templates into an account by hand, as `stack_set_model = "NONE"` requires."""
        shared = {"TopicName": f"{PREFIX}-releases", "PublishRoleName": f"{PREFIX}-publish"}
        roles = {
            **shared,
            "HubAccountId": HUB,
            "LookupRoleName": f"{PREFIX}-lookup",
            "AggregatorRoleName": f"{PREFIX}-aggregator",
            "ExternalIds": EXTERNAL_ID,
            "ReadRoleName": f"{PREFIX}-read",
            "Regions": ",".join(target.region for target in TARGETS),
        }
        topic = {**shared, "SubscriberAccountIds": SUBSCRIBER}
        self._create_stack("member-roles", Target(target.account_id, HUB_REGION), roles)
        self._create_stack("region-topic", target, topic)

    def add_region(self, target: Target) -> None:
        """Deploy a topic by hand into one region more of an account that has its roles."""
        cloudformation = self.client("cloudformation", HUB_REGION, target.account_id)
        regions = ",".join(each.region for each in (*TARGETS, target))
        name = f"{PREFIX}-member-roles"
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        cloudformation.update_stack(
            StackName=name,
            UsePreviousTemplate=True,
            Capabilities=["CAPABILITY_NAMED_IAM"],
            Parameters=[
                {"ParameterKey": "Regions", "ParameterValue": regions}
                if each["ParameterKey"] == "Regions"
                else {"ParameterKey": each["ParameterKey"], "UsePreviousValue": True}
                for each in stack["Parameters"]
            ],
        )
        waiter = cloudformation.get_waiter("stack_update_complete")
        waiter.wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
        topic = {"TopicName": f"{PREFIX}-releases", "PublishRoleName": f"{PREFIX}-publish"}
        self._create_stack("region-topic", target, {**topic, "SubscriberAccountIds": SUBSCRIBER})

    def _create_stack(self, template: str, target: Target, parameters: Mapping[str, str]) -> None:
        cloudformation = self.client("cloudformation", target.region, target.account_id)
        name = f"{PREFIX}-{template}"
        cloudformation.create_stack(
            StackName=name,
            TemplateBody=(self.tree / "infra/cloudformation" / f"{template}.yaml").read_text(
                encoding="utf-8"
            ),
            Capabilities=["CAPABILITY_NAMED_IAM"],
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
            ],
        )
        waiter = cloudformation.get_waiter("stack_create_complete")
        waiter.wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})

    def subscribe(self, target: Target) -> None:
        """Subscribe the subscriber's queue to the topic of a target."""
        self.client("sns", target.region, SUBSCRIBER).subscribe(
            TopicArn=topic_arn(target),
            Protocol="sqs",
            Endpoint=_INBOX_ARN,
            Attributes={"RawMessageDelivery": "true"},
        )

    def received(self) -> list[Received]:
        """Every announcement that the subscriber has received."""
        self._received += self.inbox.receive()
        return list(self._received)

    def events(self) -> list[Event]:
        """Every announcement that the subscriber has received, as a tuple."""
        return [_event(received) for received in self.received()]

    # --- the functions

    def invoke(self, function: str, event: Mapping[str, object]) -> dict[str, Any]:
        """Invoke a function; return its response, or its error if it fails."""
        response = self.client("lambda").invoke(
            FunctionName=f"{PREFIX}-{function}", Payload=json.dumps(event).encode()
        )
        payload: dict[str, Any] = json.load(response["Payload"])
        return payload

    def log_lines(self, function: str) -> list[str]:
        """A function's log lines."""
        name = f"/aws/lambda/{PREFIX}-{function}"
        logs = self.client("logs")
        if not logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]:
            return []
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=name)
        return [event["message"].rstrip() for page in pages for event in page["events"]]

    @contextmanager
    def without(self, role: str, sid: str, account_id: str = HUB) -> Iterator[None]:
        """Remove one statement of a role's policy until the block ends."""
        iam = self.client("iam", HUB_REGION, account_id)
        role_name = f"{PREFIX}-{role}"
        [policy_name] = iam.list_role_policies(RoleName=role_name)["PolicyNames"]
        named = {"RoleName": role_name, "PolicyName": policy_name}
        whole = iam.get_role_policy(**named)["PolicyDocument"]
        kept = [statement for statement in whole["Statement"] if statement["Sid"] != sid]
        if len(kept) == len(whole["Statement"]):
            problem = f"the policy of {role_name} has no statement {sid}"
            raise LookupError(problem)
        iam.put_role_policy(**named, PolicyDocument=json.dumps({**whole, "Statement": kept}))
        try:
            yield
        finally:
            iam.put_role_policy(**named, PolicyDocument=json.dumps(whole))

    # --- the site

    def site(self) -> dict[str, str]:
        """The text of each object in the bucket of the site, by its key."""
        s3 = self.client("s3")
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
        return {k: s3.get_object(Bucket=BUCKET, Key=k)["Body"].read().decode() for k in keys}

    # --- the table

    def known(self, target: Target, name: str) -> tuple[str | None, str | None]:
        """A pair's image id and state in the table, None if it has none."""
        record = image_record(target.account_id, name)
        pairs = [decode_pair(row) for row in self._rows(target, record)]
        found = [(pair.known.image_id if pair.known else None, pair.state) for pair in pairs]
        return found[0] if found else (None, None)

    def releases(self, target: Target, name: str) -> list[Release]:
        """A pair's history, oldest first."""
        prefix = releases_of(target.account_id, name)
        return [decode_release(row) for row in self._rows(target, prefix)]

    def last_round(self, target: Target) -> dict[str, Any]:
        """The row of a target's last round; empty before the first one."""
        return next(iter(self._rows(target, round_record(target.account_id))), {})

    def pending(self) -> int:
        """The number of releases that are not announced yet."""
        counted = self.client("dynamodb").scan(TableName=self.table, IndexName="pending")
        return int(counted["Count"])

    def _rows(self, target: Target, prefix: str) -> list[dict[str, Any]]:
        return list(query_rows(self.client("dynamodb"), self.table, target.region, prefix))

    # --- the queue

    def enqueue(self, *bodies: str) -> None:
        """Send messages to the lookup queue in one batch."""
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
        self.client("sqs").send_message_batch(QueueUrl=self._url("lookups"), Entries=entries)

    def set_visibility(self, seconds: int) -> None:
        """Set the visibility timeout of the lookup queue; nothing else of the queue is changed."""
        self.client("sqs").set_queue_attributes(
            QueueUrl=self._url("lookups"), Attributes={"VisibilityTimeout": str(seconds)}
        )

    def waiting(self) -> int:
        """The number of messages in the lookup queue, in flight ones included."""
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        found = self.client("sqs").get_queue_attributes(
            QueueUrl=self._url("lookups"), AttributeNames=names
        )
        return sum(int(found["Attributes"][name]) for name in names)

    def last_batch(self) -> str:
        """The last processing result of the lookup queue's event source mapping."""
        mappings = self.client("lambda").list_event_source_mappings(
            FunctionName=f"{PREFIX}-lookup"
        )["EventSourceMappings"]
        return str(mappings[0]["LastProcessingResult"])

    def dead_letters(self, queue: str = "lookups-dead-letters") -> list[str]:
        """The bodies of the messages in a dead-letter queue; they stay in the queue."""
        found = self.client("sqs").receive_message(
            QueueUrl=self._url(queue), MaxNumberOfMessages=10, VisibilityTimeout=0
        )
        return [message["Body"] for message in found.get("Messages", [])]

    def _url(self, name: str) -> str:
        url: str = self.client("sqs").get_queue_url(QueueName=f"{PREFIX}-{name}")["QueueUrl"]
        return url

    # --- time

    def until(self, read: Callable[[], T], accept: Callable[[T], bool], seconds: float = 300) -> T:
        """Call `read` until its value is accepted; after a timeout, print the logs.

        Returns the last value.
        """
        value = eventually(read, accept, seconds=seconds, every=0.2)
        if not accept(value):
            self.show_logs()
        return value

    def show_logs(self) -> None:
        """Print the last log lines of the functions and of ministack."""
        for function in FUNCTIONS:
            _show(f"{PREFIX}-{function}", self.log_lines(function))
        log = self.aws.log.read_text(encoding="utf-8", errors="replace").splitlines()
        _show("ministack", [line for line in log if _PROBLEM.search(line)])


@dataclass
class Subscriber:
    """An example for subscribers, applied with some topics."""

    _terraform: Terraform
    _sqs: Any

    def plan(self, *targets: Target) -> Plan:
        """What subscribing to these and no others would change."""
        return self._terraform.plan(**self._variables(targets))

    def apply(self, *targets: Target) -> None:
        """Subscribe to these and no others."""
        self._terraform.apply(**self._variables(targets))

    def destroy(self, *targets: Target) -> None:
        """Remove queue and subscriptions."""
        self._terraform.destroy(**self._variables(targets))

    def received(self) -> list[Event]:
        """What has arrived since the last time, in short."""
        url = self._terraform.outputs()["queue_url"]
        inbox = Inbox(self._sqs, url, SUBSCRIBER_REGION)
        return [_event(received) for received in inbox.receive()]

    def _variables(self, targets: Sequence[Target]) -> dict[str, Any]:
        return {"topic_arns": [topic_arn(t) for t in targets], "image_name_prefixes": ["by-"]}


def topic_arn(target: Target) -> str:
    """The topic of a target."""
    return f"arn:aws:sns:{target.region}:{target.account_id}:{PREFIX}-releases"


# asyncio warns about connections that a client has closed.
_PROBLEM = re.compile(r" (?:WARNING|ERROR) (?!\[asyncio\])")


def request(target: Target, name: str, round_id: str) -> str:
    """The message of a lookup by parameter, as the scheduler sends it."""
    return encode_request(Request(round_id, target, name, ParameterLookup(_path(name))))


def _path(name: str) -> str:
    return f"/aws/service/{name}/image_id"


def _event(received: Received) -> Event:
    event = json.loads(received.body)["v1"]
    image = event["image"]
    return event["region"], image["image_name"], received.attributes["kind"], image["image_id"]


def _show(title: str, lines: Sequence[str]) -> None:
    sys.stdout.write("\n".join([f"--- {title}", *lines[-30:], ""]))


@contextmanager
def deployment_lab(folder: Path) -> Iterator[Deployment]:
    """Everything that a deployment needs, before its first apply, until the block ends.

    Skips the test where ministack, the functions' Python or Terraform is missing.
    """
    require_linux()
    images, regions = folder / "images", folder / "regions.yaml"
    images.mkdir()
    (images / "images.yaml").write_text(IMAGES, encoding="utf-8")
    regions.write_text(REGIONS, encoding="utf-8")
    with (
        EmbeddedAws() as embedded,
        ministack(folder / "ministack", _image_endpoints(embedded)) as aws,
    ):
        packages = build(folder / "packages", images=images, regions=regions)
        tree = checkout(folder / "tree", regions=REGIONS, packages=packages)
        (tree / "infra/terraform/lab_override.tf").write_text(OVERRIDE, encoding="utf-8")
        root = tree / "infra/terraform/examples/basic"
        terraform = Terraform(root, aws.environment(HUB, HUB_REGION))
        yield Deployment(
            aws=aws,
            embedded=embedded,
            folder=folder,
            inbox=_inbox(aws),
            shell=Shell(tree, terraform.shell_environment()),
            _terraform=terraform,
        )


def _image_endpoints(embedded: EmbeddedAws) -> dict[str, str]:
    """Environment variables that send the functions' SSM and EC2 calls to the embedded AWS."""
    return {f"AWS_ENDPOINT_URL_{service}": embedded.endpoint_url for service in ("SSM", "EC2")}


_INBOX_ARN = f"arn:aws:sqs:{SUBSCRIBER_REGION}:{SUBSCRIBER}:inbox"
_INBOX_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": _INBOX_ARN,
            "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:sns:*:*:{PREFIX}-releases"}},
        }
    ],
}


def _inbox(aws: Ministack) -> Inbox:
    sqs = aws.client("sqs", SUBSCRIBER_REGION, SUBSCRIBER)
    attributes = {"Policy": json.dumps(_INBOX_POLICY)}
    url = sqs.create_queue(QueueName="inbox", Attributes=attributes)["QueueUrl"]
    return Inbox(sqs, url, SUBSCRIBER_REGION)


Inventory = dict[str, set[str]]
"""What an account holds, by kind."""

DIFFERENCES = {
    # ministack answers DescribeAlarms with a part of what it keeps in the Query protocol, which
    # Terraform's provider uses; `test_alarms_are_as_configured` uses another one.
    **dict.fromkeys(
        [
            ("aws_cloudwatch_metric_alarm", attribute)
            for attribute in (
                "actions_enabled",
                "alarm_actions",
                "alarm_description",
                "dimensions",
                "ok_actions",
                "period",
                "statistic",
                "treat_missing_data",
            )
        ],
        "ministack answers without it",
    ),
}
"""All that a second plan may change, by resource type and attribute, and why it does here."""

_LISTINGS = {
    "queues": ("sqs", "list_queues", "QueueUrls", ""),
    "tables": ("dynamodb", "list_tables", "TableNames", ""),
    "functions": ("lambda", "list_functions", "Functions", "FunctionName"),
    "mappings": ("lambda", "list_event_source_mappings", "EventSourceMappings", "UUID"),
    "roles": ("iam", "list_roles", "Roles", "RoleName"),
    "schedules": ("scheduler", "list_schedules", "Schedules", "Name"),
    "log groups": ("logs", "describe_log_groups", "logGroups", "logGroupName"),
    "topics": ("sns", "list_topics", "Topics", "TopicArn"),
    "alarms": ("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    "buckets": ("s3", "list_buckets", "Buckets", "Name"),
    "dashboards": ("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
}


def inventory(aws: Ministack) -> Inventory:
    """Everything that the hub account holds in its region, by kind."""
    found: Inventory = {}
    for kind, (service, operation, listing, name) in _LISTINGS.items():
        client = aws.client(service, HUB_REGION, HUB)
        pages = client.get_paginator(operation).paginate()
        members = [member for page in pages for member in page.get(listing, [])]
        found[kind] = {member[name] if name else member for member in members}
    return found
