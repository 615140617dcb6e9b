"""The subscribers' examples, applied by Terraform in a subscriber's account, receive events.

The topics come from the template, and the aggregator's code publishes with the publish role, so
permissions and messages are those of a deployment.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import pytest
import s3transfer
from moto.server import ThreadedMotoServer
from support.aws.ministack import Ministack, eventually, ministack
from support.aws.terraform import ROOT, Terraform, TerraformError, caller, checkout, environment
from support.builders.aggregator import a_release

from services.aggregator.announce import Announcement, announcement
from services.aggregator.topics import Topics, publish_role
from services.kernel.hub_session import HubSession
from services.kernel.model import Kind, Target
from services.kernel.sessions import TargetSessions

EXAMPLES = ROOT / "infra" / "examples"
NAMES = ("email", "fifo", "lambda", "message", "queue-in-another-account", "queue-in-every-region")

HUB, HUB_REGION = "111122223333", "us-east-1"
SUBSCRIBER, SUBSCRIBER_REGION = "444455556666", "eu-central-1"
EXTERNAL = "777788889999"
WATCHED = Target("222233334444", "us-west-2")
"""An account and region of the tracker; the subscriber has another account and region."""
OWN = Target(SUBSCRIBER, "us-west-2")
"""The subscriber's account is a target too: ministack invokes functions for its topics only."""

EXTERNAL_ID = "of-the-examples-test"
TOPIC, FIFO_TOPIC = "ami-tracker-releases", "ami-tracker-releases.fifo"
PIPELINE_REGION = "eu-west-1"
PIPELINE = f"arn:aws:codepipeline:{PIPELINE_REGION}:{SUBSCRIBER}:rebuild"
SECRET = f"arn:aws:secretsmanager:{OWN.region}:{SUBSCRIBER}:secret:ami-messages-a1b2c3"

ALL_EXAMPLES = f"""
module "email" {{
  source    = "./email"
  topic_arn = "arn:aws:sns:{WATCHED.region}:{WATCHED.account_id}:{TOPIC}"
  address   = "platform@example.com"
}}

module "queue" {{
  source              = "./queue-in-another-account"
  topic_arn           = "arn:aws:sns:{WATCHED.region}:{WATCHED.account_id}:{TOPIC}"
  image_names         = ["rhel-9-hvm"]
  image_name_prefixes = ["al2023-eks-"]
}}

module "fifo" {{
  source    = "./fifo"
  topic_arn = "arn:aws:sns:{WATCHED.region}:{WATCHED.account_id}:{FIFO_TOPIC}"
  name      = "in-order"
}}

module "lambda" {{
  source       = "./lambda"
  topic_arn    = "arn:aws:sns:{OWN.region}:{OWN.account_id}:{TOPIC}"
  image_names  = ["al2023-eks-1.33"]
  pipeline_arn = "{PIPELINE}"
  }}

module "message" {{
  source      = "./message"
  topic_arn   = "arn:aws:sns:{OWN.region}:{OWN.account_id}:{TOPIC}"
  image_names = ["no-image-of-the-test"]
  service     = "github"
  repository  = "octo-org/images"
  secret_arn  = "{SECRET}"
}}

output "queue" {{ value = module.queue }}
output "fifo" {{ value = module.fifo }}
output "lambda" {{ value = module.lambda }}
"""
"""All examples in one root, because the provider waits 25 seconds for queues in each apply."""


# --- without a deployment


def test_every_example_is_tested() -> None:
    """NAMES lists every example."""
    assert sorted(path.parent.name for path in EXAMPLES.glob("*/main.tf")) == list(NAMES)


def test_examples_are_formatted(tmp_path: Path) -> None:
    """The examples are formatted with `terraform fmt`."""
    examples = checkout(tmp_path) / "infra" / "examples"

    assert Terraform(examples, environment("http://127.0.0.1:9")).format_problems() == []


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_each_example_is_a_valid_root(name: str, tmp_path: Path) -> None:
    """A copy of an example's folder is a valid root module."""
    folder = tmp_path / name
    shutil.copytree(EXAMPLES / name, folder)
    terraform = Terraform(folder, environment("http://127.0.0.1:9"))

    terraform.init()
    terraform.validate()


@pytest.mark.parametrize("name", NAMES)
def test_command_of_each_readme_matches_the_variables(name: str) -> None:
    """The command sets every required variable, and only declared ones."""
    readme = (EXAMPLES / name / "README.md").read_text()
    (command,) = re.findall(r"^\$ (terraform apply .*)$", readme, re.MULTILINE)
    given = set(re.findall(r"-var '?(\w+)=", command))
    rows = re.findall(r"^\| (\w+) \|.*\| (yes|no) \|$", readme, re.MULTILINE)

    assert {variable for variable, required in rows if required == "yes"} <= given
    assert given <= {variable for variable, _ in rows}


WRONG = f"""
module "email" {{
  source      = "./email"
  topic_arn   = "arn:aws:sns:us-west-2:222233334444:{FIFO_TOPIC}"
  address     = "platform"
  image_names = ["al2023-*"]
}}

module "queue" {{
  source              = "./queue-in-another-account"
  topic_arn           = "arn:aws:sns:us-west-2:222233334444:{FIFO_TOPIC}"
  image_names         = [""]
  image_name_prefixes = ["al2023-*"]
  kinds               = ["released"]
  name                = "releases.fifo"
}}

module "fifo" {{
  source      = "./fifo"
  topic_arn   = "arn:aws:sns:us-west-2:222233334444:{TOPIC}"
  image_names = ["-"]
  name        = "releases.fifo"
}}

module "lambda" {{
  source       = "./lambda"
  topic_arn    = "arn:aws:sns:us-west-2:222233334444:{FIFO_TOPIC}"
  image_names  = []
  pipeline_arn = "rebuild"
  name         = "my releases"
}}

module "message" {{
  source         = "./message"
  topic_arn      = "arn:aws:sns:us-west-2:222233334444:{FIFO_TOPIC}"
  image_names    = []
  service        = "irc"
  secret_arn     = "https://hooks.example.com/secret"
  repository     = "images"
  github_api_url = "http://github.example.com/"
  name           = "my messages"
}}

module "everywhere" {{
  source              = "./queue-in-every-region"
  topic_arns          = []
  opt_in_regions      = ["Hong Kong"]
  image_names         = [""]
  image_name_prefixes = ["al2023-*"]
  kinds               = []
  name                = "my.releases"
}}
"""


@pytest.mark.slow
def test_wrong_values_are_refused_in_the_plan(tmp_path: Path) -> None:
    """Each variable of each example has a message for a wrong value."""
    terraform = _root(tmp_path, WRONG, environment("http://127.0.0.1:9"))
    written = "".join(path.read_text() for path in EXAMPLES.glob("*/variables.tf"))
    messages = re.findall(r'error_message = "(.*)"', written)

    with pytest.raises(TerraformError) as refused:
        terraform.plan("-refresh=false")

    assert len(messages) == 28
    assert [said for said in messages if said not in str(refused.value)] == []


MESSAGES = f"""
module "without" {{
  source      = "./message"
  topic_arn   = "arn:aws:sns:us-west-2:222233334444:{TOPIC}"
  image_names = ["rhel-9-hvm"]
  secret_arn  = "{SECRET}"
  service     = "github"
}}

module "with" {{
  source      = "./message"
  topic_arn   = "arn:aws:sns:us-west-2:222233334444:{TOPIC}"
  image_names = ["rhel-9-hvm"]
  secret_arn  = "{SECRET}"
  service     = "slack"
  repository  = "octo-org/images"
}}
"""


@pytest.mark.slow
def test_repository_is_for_github_only(tmp_path: Path) -> None:
    """Messages to GitHub need a repository, and others cannot have one."""
    with caller(SUBSCRIBER) as endpoint_url:
        terraform = _root(tmp_path, MESSAGES, environment(endpoint_url))
        with pytest.raises(TerraformError) as refused:
            terraform.plan("-refresh=false")

    assert str(refused.value).count("Set repository if service is github") == 2


@pytest.mark.slow
def test_queue_without_images_is_refused(tmp_path: Path) -> None:
    """A filter without image names is refused, because it matches no event or every event."""
    topic = f"arn:aws:sns:us-west-2:222233334444:{TOPIC}"
    source = "./queue-in-another-account"
    text = f'module "queue" {{\n  source    = "{source}"\n  topic_arn = "{topic}"\n}}'
    with caller(SUBSCRIBER) as endpoint_url:
        terraform = _root(tmp_path, text, environment(endpoint_url))
        with pytest.raises(TerraformError, match="Set at least one image"):
            terraform.plan("-refresh=false")


def _root(folder: Path, text: str, environ: Mapping[str, str]) -> Terraform:
    """An initialised root module in a folder with copies of the examples."""
    examples = checkout(folder) / "infra" / "examples"
    (examples / "main.tf").write_text(text)
    _package(examples / "function.zip")
    terraform = Terraform(examples, environ)
    terraform.init()
    return terraform


def _package(path: Path) -> None:
    """Write the function's zip with boto3, which Lambda provides and ministack does not."""
    with zipfile.ZipFile(path, "w") as package:
        package.write(EXAMPLES / "lambda" / "handler.py", "handler.py")
        for library in (boto3, s3transfer):
            folder = Path(library.__path__[0])
            for file in (f for f in folder.rglob("*") if f.suffix in {".py", ".json"}):
                package.write(file, file.relative_to(folder.parent))


# --- deployed


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """The tracker's topics, the subscribers that Terraform created, and a CodePipeline endpoint."""

    aws: Ministack
    pipelines: str
    terraform: Terraform
    outputs: dict[str, Any]

    def publish(
        self, *announcements: Announcement, to: Target = WATCHED, topic: str = TOPIC
    ) -> None:
        """Publish with the aggregator's code, from the hub and with the publish role."""
        with self._as_aggregator():
            role = publish_role("ami-tracker-publish", EXTERNAL_ID, HUB_REGION, topic, "aws")
            topics = Topics(TargetSessions(HubSession(HUB_REGION), role), topic, "aws")
            for each in announcements:
                (accepted,) = topics.publish(to, [each]).values()
                assert isinstance(accepted, str), accepted

    @contextmanager
    def _as_aggregator(self) -> Iterator[None]:
        session = self.aws.client("sts", HUB_REGION, HUB).assume_role(
            RoleArn=f"arn:aws:iam::{HUB}:role/ami-tracker-aggregator", RoleSessionName="aggregator"
        )["Credentials"]
        before = dict(os.environ)
        os.environ |= self.aws.environment(HUB, HUB_REGION) | {
            "AWS_ACCESS_KEY_ID": session["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
            "AWS_SESSION_TOKEN": session["SessionToken"],
        }
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)

    def subscriber(self, service: str, region: str = SUBSCRIBER_REGION) -> Any:  # noqa: ANN401 - the caller narrows it
        """A client of the subscriber's account."""
        return self.aws.client(service, region, SUBSCRIBER)

    def receive(self, url: str, region: str = SUBSCRIBER_REGION) -> list[dict[str, Any]]:
        """Receive and delete all messages of a queue, with their attributes."""
        sqs = self.subscriber("sqs", region)
        received: list[dict[str, Any]] = []
        while messages := sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            AttributeNames=["All"],
        ).get("Messages", []):
            for message in messages:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            received += messages
        return received

    def executions(self) -> list[dict[str, str]]:
        """The variables of each execution of the pipeline."""
        codepipeline = _codepipeline(self.pipelines)
        listed = codepipeline.list_pipeline_executions(pipelineName="rebuild")
        return [
            {
                variable["name"]: variable["resolvedValue"]
                for variable in codepipeline.get_pipeline_execution(
                    pipelineName="rebuild", pipelineExecutionId=each["pipelineExecutionId"]
                )["pipelineExecution"]["variables"]
            }
            for each in listed["pipelineExecutionSummaries"]
        ]

    def invocations(self) -> int:
        """The number of completed invocations of the function."""
        events = self.subscriber("logs", OWN.region).filter_log_events(
            logGroupName="/aws/lambda/ami-releases"
        )["events"]
        return sum(event["message"].startswith("END ") for event in events)


def _codepipeline(endpoint_url: str) -> Any:  # noqa: ANN401 - the caller narrows it
    return boto3.client(
        "codepipeline",
        region_name=PIPELINE_REGION,
        endpoint_url=endpoint_url,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subscriptions]:
    """All examples, applied in the subscriber's account."""
    folder = tmp_path_factory.mktemp("examples")
    codepipeline = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    codepipeline.start()
    try:
        host, port = codepipeline.get_host_and_port()
        pipelines = f"http://{host}:{port}"
        _create_pipeline(pipelines)
        with ministack(folder / "ministack", {"AWS_ENDPOINT_URL_CODEPIPELINE": pipelines}) as aws:
            _create_aggregator(aws)
            for account_id in (WATCHED.account_id, OWN.account_id):
                _deploy_templates(aws, account_id)
            _create_fifo_topic(aws)
            terraform = _root(folder, ALL_EXAMPLES, aws.environment(SUBSCRIBER, SUBSCRIBER_REGION))
            terraform.apply(seconds=600)
            yield Subscriptions(aws, pipelines, terraform, terraform.outputs())
    finally:
        codepipeline.stop()


def _create_pipeline(endpoint_url: str) -> None:
    iam = boto3.client(
        "iam",
        region_name=PIPELINE_REGION,
        endpoint_url=endpoint_url,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    role = iam.create_role(
        RoleName="rebuild",
        AssumeRolePolicyDocument=_trust({"Service": "codepipeline.amazonaws.com"}),
    )["Role"]["Arn"]
    action = {"category": "Source", "owner": "AWS", "provider": "S3", "version": "1"}
    stages = [{"name": n, "actions": [{"name": n, "actionTypeId": action}]} for n in ("a", "b")]
    _codepipeline(endpoint_url).create_pipeline(
        pipeline={
            "name": "rebuild",
            "roleArn": role,
            "artifactStore": {"type": "S3", "location": "artifacts"},
            "stages": stages,
        }
    )


def _create_aggregator(aws: Ministack) -> None:
    """Create the aggregator's role of the hub, with a trust policy for the hub's account."""
    iam = aws.client("iam", HUB_REGION, HUB)
    name = "ami-tracker-aggregator"
    iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=_trust({"AWS": f"arn:aws:iam::{HUB}:root"})
    )
    publishing = _policy(
        {"Action": "sts:AssumeRole", "Resource": "arn:aws:iam::*:role/ami-tracker-publish"}
    )
    iam.put_role_policy(RoleName=name, PolicyName="publish", PolicyDocument=publishing)


def _trust(principal: Mapping[str, str]) -> str:
    return _policy({"Principal": principal, "Action": "sts:AssumeRole"})


def _policy(*statements: Mapping[str, object]) -> str:
    allowed = [{"Effect": "Allow", **statement} for statement in statements]
    return json.dumps({"Version": "2012-10-17", "Statement": allowed})


def _deploy_templates(aws: Ministack, account_id: str) -> None:
    """Deploy the tracker's roles and topic in an account by hand, as in INSTALL.md."""
    roles = {"HubAccountId": HUB, "ExternalIds": EXTERNAL_ID, "Regions": WATCHED.region}
    _deploy(aws, account_id, "roles", "member-roles.yaml", roles)
    _deploy(aws, account_id, "topic", "region-topic.yaml", {"SubscriberAccountIds": SUBSCRIBER})


def _create_fifo_topic(aws: Ministack) -> None:
    """Create a FIFO topic with the template's policy: ministack's stacks have standard topics."""
    sns = aws.client("sns", WATCHED.region, WATCHED.account_id)
    standard = f"arn:aws:sns:{WATCHED.region}:{WATCHED.account_id}:{TOPIC}"
    policy = sns.get_topic_attributes(TopicArn=standard)["Attributes"]["Policy"]
    fifo = sns.create_topic(
        Name=FIFO_TOPIC,
        Attributes={"FifoTopic": "true", "Policy": policy.replace(TOPIC, FIFO_TOPIC)},
    )["TopicArn"]
    # A deployment has only one kind of topic; this publish role may publish to both.
    aws.client("iam", WATCHED.region, WATCHED.account_id).put_role_policy(
        RoleName="ami-tracker-publish",
        PolicyName="publish-in-order",
        PolicyDocument=_policy({"Action": "sns:Publish", "Resource": fifo}),
    )


def _deploy(
    aws: Ministack, account_id: str, stack: str, template: str, parameters: Mapping[str, str]
) -> None:
    cloudformation = aws.client("cloudformation", WATCHED.region, account_id)
    cloudformation.create_stack(
        StackName=stack,
        TemplateBody=(ROOT / "infra" / "cloudformation" / template).read_text(),
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
class TestDeployedExamples:
    """The examples after an apply."""

    def test_only_events_that_match_the_filter_arrive(self, deployed: Subscriptions) -> None:
        """Only events of the configured images, prefixes and kinds arrive."""
        wanted = [a_release("rhel-9-hvm"), a_release("al2023-eks-1.33", kind=Kind.ROLLBACK)]
        unwanted = [
            a_release("rhel-9-hvm-arm64"),
            a_release("ubuntu-24.04"),
            a_release("al2023-eks-1.34", version=1, kind=Kind.BASELINE, previous_image_id=None),
        ]
        sent = [announcement(replace(each, target=WATCHED)) for each in (*unwanted, *wanted)]

        deployed.publish(*sent)
        received = deployed.receive(deployed.outputs["queue"]["queue_url"])

        assert {message["Body"] for message in received} == {each.body for each in sent[3:]}

    def test_events_arrive_raw(self, deployed: Subscriptions) -> None:
        """The message has the body and the attributes of the event without changes."""
        sent = announcement(a_release("rhel-9-hvm", target=WATCHED))

        deployed.publish(sent)
        (message,) = deployed.receive(deployed.outputs["queue"]["queue_url"])

        assert message["Body"] == sent.body
        assert {
            name: ("Number" if isinstance(value, int) else "String", str(value))
            for name, value in sent.attributes.items()
        } == {
            name: (found["DataType"], found["StringValue"])
            for name, found in message["MessageAttributes"].items()
        }

    def test_body_filter_selects_the_same_images(self, deployed: Subscriptions) -> None:
        """The README's filter on the message body selects the same images."""
        readme = (EXAMPLES / "queue-in-another-account" / "README.md").read_text()
        written = re.search(r"filter_policy +=.*\{ prefix = \"(.*)\" \}", readme)
        assert written is not None
        body = {"v1": {"image": {"image_name": [{"prefix": written[1]}]}}}
        topic = f"arn:aws:sns:{WATCHED.region}:{WATCHED.account_id}:{TOPIC}"
        sqs = deployed.subscriber("sqs")
        sending = {"Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
        url = sqs.create_queue(
            QueueName="by-body", Attributes={"Policy": _policy({**sending, "Resource": "*"})}
        )["QueueUrl"]
        subscription = deployed.subscriber("sns", WATCHED.region).subscribe(
            TopicArn=topic,
            Protocol="sqs",
            Endpoint=f"arn:aws:sqs:{SUBSCRIBER_REGION}:{SUBSCRIBER}:by-body",
            Attributes={
                "FilterPolicyScope": "MessageBody",
                "FilterPolicy": json.dumps(body),
                "RawMessageDelivery": "true",
            },
        )["SubscriptionArn"]
        images = ("al2023-eks-1.33", "rhel-9-hvm")

        deployed.publish(*(announcement(a_release(name, target=WATCHED)) for name in images))
        received = [json.loads(message["Body"])["v1"]["image"] for message in deployed.receive(url)]
        deployed.subscriber("sns", WATCHED.region).unsubscribe(SubscriptionArn=subscription)
        deployed.receive(deployed.outputs["queue"]["queue_url"])

        assert [image["image_name"] for image in received] == ["al2023-eks-1.33"]

    def test_queue_accepts_only_its_topic(self, deployed: Subscriptions) -> None:
        """Messages of another account's topic do not reach the queue."""
        sns = deployed.aws.client("sns", WATCHED.region, EXTERNAL)
        topic = sns.create_topic(Name=TOPIC)["TopicArn"]
        queue = f"arn:aws:sqs:{SUBSCRIBER_REGION}:{SUBSCRIBER}:ami-releases"
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)

        sns.publish(TopicArn=topic, Message="false alarm")

        assert deployed.receive(deployed.outputs["queue"]["queue_url"]) == []

    def test_dead_letter_queue_is_in_the_topics_region(self, deployed: Subscriptions) -> None:
        """The dead-letter queue is in the subscriber's account and accepts only that topic."""
        state = deployed.terraform.state()
        subscription = state["module.queue.aws_sns_topic_subscription.this"]
        letters = state["module.queue.aws_sqs_queue.dead_letters"]
        policy = json.loads(state["module.queue.aws_sqs_queue_policy.dead_letters"]["policy"])

        assert (
            letters["arn"] == f"arn:aws:sqs:{WATCHED.region}:{SUBSCRIBER}:ami-releases-undelivered"
        )
        assert json.loads(subscription["redrive_policy"]) == {"deadLetterTargetArn": letters["arn"]}
        assert [
            statement["Condition"]["ArnEquals"]["aws:SourceArn"]
            for statement in policy["Statement"]
        ] == [subscription["topic_arn"]]

    def test_email_address_is_subscribed(self, deployed: Subscriptions) -> None:
        """The topic has the email subscription, which ministack confirms automatically."""
        topic = f"arn:aws:sns:{WATCHED.region}:{WATCHED.account_id}:{TOPIC}"
        sns = deployed.aws.client("sns", WATCHED.region, WATCHED.account_id)
        subscriptions = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]

        assert [each["Endpoint"] for each in subscriptions if each["Protocol"] == "email"] == [
            "platform@example.com"
        ]

    def test_function_starts_the_pipeline_once_for_each_event(
        self, deployed: Subscriptions
    ) -> None:
        """Two events start two executions of the pipeline; a duplicate event starts none."""
        sent = announcement(a_release("al2023-eks-1.33", version=7, target=OWN))
        later = announcement(a_release("al2023-eks-1.33", version=8, target=OWN))
        other = announcement(a_release("rhel-9-hvm", version=7, target=OWN))

        deployed.publish(other, sent, to=OWN)
        assert eventually(deployed.invocations, lambda runs: runs >= 1, seconds=300) == 1
        deployed.publish(sent, to=OWN)
        assert eventually(deployed.invocations, lambda runs: runs >= 2, seconds=300) == 2
        assert deployed.executions() == [_variables(sent)]
        deployed.publish(later, to=OWN)
        assert eventually(deployed.invocations, lambda runs: runs >= 3, seconds=300) == 3
        assert {e["IMAGE_ID"] for e in deployed.executions()} == {_image_id(sent), _image_id(later)}

    def test_events_of_an_image_arrive_in_order(self, deployed: Subscriptions) -> None:
        """Events of each image arrive in the order of versions, without duplicates."""
        sent = [
            announcement(a_release(name, version=version, target=WATCHED))
            for version in range(2, 7)
            for name in ("al2023-eks-1.33", "rhel-9-hvm")
        ]

        deployed.publish(*sent, sent[0], sent[-1], topic=FIFO_TOPIC)
        received = deployed.receive(deployed.outputs["fifo"]["queue_url"], WATCHED.region)

        for name in ("al2023-eks-1.33", "rhel-9-hvm"):
            own = [m for m in received if m["Attributes"]["MessageGroupId"] == name]
            versions = [m["MessageAttributes"]["version"]["StringValue"] for m in own]
            assert versions == ["2", "3", "4", "5", "6"]

    def test_later_event_waits_for_the_earlier_one(self, deployed: Subscriptions) -> None:
        """While an event is in flight, the next event of its image is not delivered."""
        sent = [
            announcement(a_release(name, version=version, target=WATCHED))
            for version, name in ((20, "held"), (21, "held"), (20, "free"))
        ]
        url = deployed.outputs["fifo"]["queue_url"]
        sqs = deployed.subscriber("sqs", WATCHED.region)

        deployed.publish(*sent, topic=FIFO_TOPIC)
        batches = [
            sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1).get("Messages", [])
            for _ in range(3)
        ]
        bodies = [message["Body"] for messages in batches for message in messages]

        assert sorted(bodies) == sorted([sent[0].body, sent[2].body])

    def test_second_plan_changes_nothing(self, deployed: Subscriptions) -> None:
        """A second plan has no changes."""
        assert deployed.terraform.plan().differences() == {}


def _variables(sent: Announcement) -> dict[str, str]:
    v1 = json.loads(sent.body)["v1"]
    return {
        "IMAGE_NAME": v1["image"]["image_name"],
        "IMAGE_ID": v1["image"]["image_id"],
        "IMAGE_REGION": v1["region"],
    }


def _image_id(sent: Announcement) -> str:
    return _variables(sent)["IMAGE_ID"]
