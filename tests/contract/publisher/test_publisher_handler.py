"""The publisher's entry point on an embedded AWS: rows of the service become page and feed."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.labs.laboratory import IRELAND, VIRGINIA, Lab, build_lab
from support.labs.site_lab import publish_site

from services.embedded.aws.faults import Fault
from services.embedded.aws.server import EmbeddedAws
from services.embedded.event_sources.invocation import Context
from services.kernel.errors import HubBrokenError, MalformedError, SettingsError, UnpublishedError
from services.publisher.handler import handler

BUCKET = "site"
PAGE, INDEX, ATOM = "index.html", "feed/index.json", "feed/releases.atom"


@pytest.fixture(name="lab")
def lab_with_a_release(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Lab]:
    """Return a deployment with two images in two regions, and one release of each."""
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    with EmbeddedAws() as aws:
        lab = build_lab(aws, tmp_path, VIRGINIA, IRELAND)
        lab.deploy(lab.image("golden"), lab.filtered("ubuntu"))
        for _ in range(2):
            lab.publish("golden")
            lab.publish("ubuntu")
            lab.round()
        yield lab


def objects(lab: Lab) -> dict[str, str]:
    """Return the text of each object of the bucket, except the record."""
    s3 = lab.aws.client("s3", lab.hub.region)
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]
    return {
        key: s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()
        for key in keys
        if not key.endswith(".published.json")
    }


def test_page_and_feed_are_published(lab: Lab) -> None:
    """The first run writes everything; the page has the table's place and every image."""
    answer = publish_site(lab, BUCKET)
    found = objects(lab)
    files = {
        f"feed/{target.account_id}/{target.region}/{name}.json"
        for target in (VIRGINIA, IRELAND)
        for name in ("golden", "ubuntu")
    }

    assert answer == {"written": 7, "unchanged": 0, "deleted": 0}
    assert found.keys() == files | {PAGE, INDEX, ATOM}
    assert set(json.loads(found[INDEX])["images"]) == {"golden", "ubuntu"}
    assert ET.fromstring(found[ATOM]).tag == "{http://www.w3.org/2005/Atom}feed"  # noqa: S314 - ours
    for text in ("golden", "ubuntu", lab.hub.table_name, "123456789012"):
        assert text in found[PAGE]


def test_a_run_without_changes_makes_few_calls(lab: Lab) -> None:
    """Two queries a region, a batch of releases a region, and of S3 a list, two reads, a write."""
    publish_site(lab, BUCKET)
    before = objects(lab)
    mark = lab.aws.mark()
    assert publish_site(lab, BUCKET) == {"written": 1, "unchanged": 6, "deleted": 0}

    assert Counter(call.operation for call in lab.aws.calls(mark)) == {
        "GetItem": 1, "Query": 4, "Scan": 1, "BatchGetItem": 2,
        "ListObjectsV2": 1, "GetObject": 2, "PutObject": 1,
    }  # fmt: skip
    after = objects(lab)
    assert {key: text for key, text in after.items() if key != PAGE} == {
        key: text for key, text in before.items() if key != PAGE
    }


def test_a_release_changes_its_file_and_the_lists(lab: Lab) -> None:
    """Only the file of the image that was released is written, with index, Atom and page."""
    publish_site(lab, BUCKET)
    new = lab.publish("golden", IRELAND)
    lab.round()
    answer = publish_site(lab, BUCKET)

    assert answer == {"written": 4, "unchanged": 3, "deleted": 0}
    assert new in objects(lab)[f"feed/{IRELAND.account_id}/{IRELAND.region}/golden.json"]


def test_files_of_a_removed_image_are_deleted(lab: Lab) -> None:
    """An image that is no longer tracked has no file, and is not in the index."""
    publish_site(lab, BUCKET)
    lab.deploy(lab.image("golden"))
    lab.round()

    assert publish_site(lab, BUCKET)["deleted"] == 2
    assert [key for key in objects(lab) if "ubuntu" in key] == []
    assert set(json.loads(objects(lab)[INDEX])["images"]) == {"golden"}


def test_files_of_a_damaged_row_stay(lab: Lab) -> None:
    """A row that cannot be decoded may be of a tracked pair: file and entry stay."""
    publish_site(lab, BUCKET)
    record = f"image#{IRELAND.account_id}#ubuntu"
    lab.aws.client("dynamodb", lab.hub.region).update_item(
        TableName=lab.hub.table_name,
        Key={"region": {"S": IRELAND.region}, "record": {"S": record}},
        UpdateExpression="SET #version = :text",
        ExpressionAttributeNames={"#version": "version"},
        ExpressionAttributeValues={":text": {"S": "three"}},
    )

    assert publish_site(lab, BUCKET)["deleted"] == 0
    found = objects(lab)
    assert f"feed/{IRELAND.account_id}/{IRELAND.region}/ubuntu.json" in found
    entries = json.loads(found[INDEX])["images"]["ubuntu"][IRELAND.account_id]
    assert entries[IRELAND.region]["state"] == "damaged"


def test_a_busy_bucket_keeps_index_and_page(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not written is written by the next run."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    publish_site(lab, BUCKET)
    before = objects(lab)
    lab.publish("golden")
    lab.round()
    with (
        lab.aws.fault(service="s3", operation="PutObject", code="SlowDown", status=503),
        pytest.raises((UnpublishedError, HubBrokenError, Exception), match="SlowDown"),
    ):
        publish_site(lab, BUCKET)

    assert objects(lab) == before
    assert publish_site(lab, BUCKET)["written"] == 5


@pytest.mark.parametrize("service", ["s3", "dynamodb"])
def test_a_denied_table_or_bucket_changes_nothing(lab: Lab, service: str) -> None:
    """The error names what cannot be used."""
    publish_site(lab, BUCKET)
    before = objects(lab)
    lab.aws.add_fault(Fault(service=service, code="AccessDeniedException", status=403))
    with pytest.raises(HubBrokenError, match="cannot be used: AccessDenied"):
        publish_site(lab, BUCKET)

    assert objects(lab) == before


def test_another_event_is_refused(lab: Lab) -> None:
    """Nothing is written for an event of another function."""
    with lab.pipeline.in_function_environment(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("BUCKET_NAME", BUCKET)
        with pytest.raises(MalformedError, match="publish"):
            handler({"sweep": True}, Context("publisher"))


def test_missing_settings_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """The function does not start without the names of table and bucket."""
    monkeypatch.delenv("TABLE_NAME", raising=False)
    with pytest.raises(SettingsError, match=r"TABLE_NAME is not set.*BUCKET_NAME is not set"):
        handler({"publish": True}, Context("publisher"))
