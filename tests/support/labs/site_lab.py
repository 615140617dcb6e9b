"""The publisher in the environment of a lab's functions."""

from __future__ import annotations

import os
from collections.abc import Mapping

from services.embedded.event_sources.invocation import Context
from services.publisher.handler import handler
from support.labs.laboratory import Lab


def publish_site(lab: Lab, bucket: str) -> Mapping[str, object]:
    """Run the publisher once and return its response; create the bucket if it does not exist."""
    s3 = lab.aws.client("s3", lab.hub.region)
    if bucket not in {each["Name"] for each in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=bucket)
    with lab.pipeline.in_function_environment():
        os.environ["BUCKET_NAME"] = bucket
        lab.pipeline.running = "publisher"
        try:
            return handler({"publish": True}, Context("publisher"))
        finally:
            lab.pipeline.running = ""
