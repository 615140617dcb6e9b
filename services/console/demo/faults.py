"""What is wrong in the deployment that `demo --keep` leaves running, for the commands to show."""

from __future__ import annotations

from datetime import UTC, datetime

from services.console.demo.scenario import (
    AL2023,
    AL2023_PATH,
    MEMBER_ACCOUNT,
    MEMBER_REGION,
    RED_HAT,
)
from services.embedded.aws.faults import Fault
from services.embedded.aws.server import HUB_ACCOUNT, EmbeddedAws
from services.embedded.tracker.resources import HUB_REGION, QUEUE, TOPIC
from services.kernel.model import Catalogue, Request, Target
from services.kernel.wire import encode_request

SILENT_REGION = "sa-east-1"
"""The region whose topic is deleted."""
UPDATED_REGIONS = ("us-east-1", "eu-west-1", SILENT_REGION)
"""The regions that have the newest release."""
SCHEDULE_QUEUE = "ami-tracker-schedule-dead-letters"
_RELEASE = "20261123"
_RHEL_9 = {
    "RHEL-9.6.0_HVM-20260922-x86_64-0-Hourly2-GP3": datetime(2026, 9, 22, tzinfo=UTC),
    "RHEL-9.8.0_HVM-20260908-x86_64-0-Hourly2-GP3": datetime(2026, 9, 8, tzinfo=UTC),
    "RHEL-9.9.0_HVM_BETA-20260930-x86_64-0-Hourly2-GP3": datetime(2026, 9, 30, tzinfo=UTC),
}
_DENIED = (
    f"User: arn:aws:sts::{MEMBER_ACCOUNT}:assumed-role/ami-tracker-read/lookup is not authorized "
    "to perform this action with an explicit deny in a service control policy"
)


def break_something(aws: EmbeddedAws, catalogue: Catalogue, round_id: str) -> None:
    """Release an image in some regions, delete a topic, deny an account, and add dead letters.

    The next round finds all of it. The images of RHEL 9 are for `lookup`.
    """
    for region in UPDATED_REGIONS:
        name = f"al2023-ami-2023.13.{_RELEASE}.0-kernel-6.18-x86_64"
        day = datetime.strptime(_RELEASE, "%Y%m%d").replace(tzinfo=UTC)
        new = aws.publishers.register_image(HUB_ACCOUNT, region, name, day)
        aws.publishers.put_parameter(HUB_ACCOUNT, region, AL2023_PATH, new)
    for name, moment in _RHEL_9.items():
        aws.publishers.register_image(HUB_ACCOUNT, HUB_REGION, name, moment, owner_id=RED_HAT)
    topic = f"arn:aws:sns:{SILENT_REGION}:{HUB_ACCOUNT}:{TOPIC}"
    aws.client("sns", SILENT_REGION).delete_topic(TopicArn=topic)
    aws.add_fault(
        Fault(
            region=MEMBER_REGION,
            account_id=MEMBER_ACCOUNT,
            code="AccessDeniedException",
            message=_DENIED,
        )
    )
    _add_dead_letters(aws, catalogue, round_id)


def _add_dead_letters(aws: EmbeddedAws, catalogue: Catalogue, round_id: str) -> None:
    """Add a valid request and a malformed message, and create the queue of the schedules."""
    sqs = aws.client("sqs", HUB_REGION)
    sqs.create_queue(QueueName=SCHEDULE_QUEUE)
    url = sqs.get_queue_url(QueueName=f"{QUEUE}-dead-letters")["QueueUrl"]
    image = next(image for image in catalogue.images if image.name == AL2023)
    request = Request(
        f"{round_id[:19]}Z",
        Target(HUB_ACCOUNT, HUB_REGION),
        image.name,
        image.lookup,
        image.release,
    )
    for body in (encode_request(request), '{"schema": 1, "image_name": "al2023"}'):
        sqs.send_message(QueueUrl=url, MessageBody=body)
