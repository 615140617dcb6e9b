"""The bucket on an embedded AWS: calls, headers, deletions and failures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from support.fakes.publisher import FakeFiles

from services.embedded.aws.calls import ApiRequest
from services.embedded.aws.faults import Response
from services.embedded.aws.server import EmbeddedAws
from services.embedded.tracker.resources import Hub
from services.kernel.errors import CallFailedError, HubBrokenError
from services.kernel.hub_session import HubSession
from services.publisher.bucket import Bucket
from services.publisher.publish import Files

NAME = "ami-tracker-site"
JSON = "application/json"


@pytest.fixture(name="s3")
def made_bucket(aws: EmbeddedAws, hub: Hub) -> Iterator[EmbeddedAws]:
    """Create an empty bucket; delete it with all objects after the test."""
    client = aws.client("s3", hub.region)
    client.create_bucket(Bucket=NAME)
    yield aws
    for each in client.list_objects_v2(Bucket=NAME).get("Contents", []):
        client.delete_object(Bucket=NAME, Key=each["Key"])
    client.delete_bucket(Bucket=NAME)


@pytest.fixture(name="bucket")
def opened_bucket(s3: EmbeddedAws, home: HubSession) -> Bucket:
    """Return the bucket with a prefix, as the function opens it."""
    assert s3.calls() == ()
    return Bucket(home.client("s3"), NAME, "team/")


@pytest.fixture(name="files", params=["bucket", "fake"])
def any_files(request: pytest.FixtureRequest) -> Files:
    """Return the bucket, or the fake of the unit tests, which must not differ."""
    if request.param == "fake":
        return FakeFiles()
    bucket: Bucket = request.getfixturevalue("bucket")
    return bucket


# --- the port


def test_files_are_listed_with_their_etags(files: Files) -> None:
    """The list has the files of the folder, by their path in it, with the ETags of the writes."""
    written = {
        path: files.write(f"feed/{path}", "{}", JSON) for path in ("index.json", "a/b/c.json")
    }
    files.write("index.html", "<html>", "text/html")

    assert files.etags("feed/") == written
    assert files.etags("other/") == {}


def test_text_is_kept_as_it_is(files: Files) -> None:
    """Text of publishers can have any characters."""
    files.write("feed/x.json", '"日本 é 🚀"', JSON)

    assert files.read("feed/x.json") == '"日本 é 🚀"'


def test_deleted_files_are_gone(files: Files) -> None:
    """Only the named files are deleted."""
    for name in "abc":
        files.write(f"feed/{name}", "", JSON)

    assert files.delete(["feed/a", "feed/c"]) == []
    assert list(files.etags("feed/")) == ["b"]


# --- objects and calls


def test_an_object_has_type_and_cache_control(s3: EmbeddedAws, hub: Hub, bucket: Bucket) -> None:
    """Browsers and CloudFront read both headers; the key begins with the prefix."""
    bucket.write("index.html", "<html>", "text/html; charset=utf-8")
    found = s3.client("s3", hub.region).get_object(Bucket=NAME, Key="team/index.html")

    assert (found["ContentType"], found["CacheControl"]) == ("text/html; charset=utf-8", "no-cache")


def test_calls_are_few(s3: EmbeddedAws, bucket: Bucket) -> None:
    """A list has 1,000 objects a page, and a deletion 1,000 objects a call."""
    paths = [f"feed/{number:04}" for number in range(1001)]
    for path in paths:
        s3.client("s3", "us-east-1").put_object(Bucket=NAME, Key=f"team/{path}")
    mark = s3.mark()
    assert len(bucket.etags("feed/")) == 1001
    assert bucket.delete(paths) == []

    assert Counter(call.operation for call in s3.calls(mark)) == {
        "ListObjectsV2": 2,
        "DeleteObjects": 2,
    }
    assert bucket.etags("feed/") == {}


# --- failures


@pytest.mark.parametrize(
    ("operation", "call"),
    [
        ("ListObjectsV2", lambda bucket: bucket.etags("feed/")),
        ("GetObject", lambda bucket: bucket.read("feed/x")),
        ("PutObject", lambda bucket: bucket.write("feed/x", "", JSON)),
        ("DeleteObjects", lambda bucket: bucket.delete(["feed/x"])),
    ],
)
@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("AccessDenied", 403, HubBrokenError),
        ("NoSuchBucket", 404, HubBrokenError),
        ("SlowDown", 503, CallFailedError),
        ("InternalError", 500, CallFailedError),
        ("RequestTimeTooSkewed", 403, CallFailedError),
    ],
)
@pytest.mark.usefixtures("waits")
def test_failures_are_classified(
    s3: EmbeddedAws,
    bucket: Bucket,
    operation: str,
    call: Callable[[Bucket], object],
    code: str,
    status: int,
    error: type[Exception],
) -> None:
    """A denial concerns the bucket; throttling and temporary failures concern the call."""
    with (
        s3.fault(service="s3", operation=operation, code=code, status=status),
        pytest.raises(error, match=code),
    ):
        call(bucket)


def test_objects_that_s3_does_not_delete_are_returned(
    s3: EmbeddedAws, bucket: Bucket, waits: list[float]
) -> None:
    """S3 reports errors of single objects in a successful response; they are retried."""
    body = (
        "<DeleteResult><Error><Key>team/feed/x</Key><Code>InternalError</Code>"
        "<Message>again</Message></Error></DeleteResult>"
    )

    def answer(asked: ApiRequest, ask: Callable[[], Response | None]) -> Response | None:
        if asked.operation != "DeleteObjects":
            return ask()
        return Response(200, (("Content-Type", "application/xml"),), body.encode())

    with s3.hook(answer):
        assert bucket.delete(["feed/x", "feed/y"]) == ["feed/x"]
    assert len(waits) == 3
