"""An embedded AWS starts empty, is the only one in its process, and cleans up."""

from __future__ import annotations

import os
import threading
import time
import urllib.error
import urllib.request

import pytest

from services.embedded.aws.faults import Fault
from services.embedded.aws.server import EmbeddedAws


def test_each_start_is_empty(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A second run has no data of the first, no thread remains, and no line is written."""
    before = set(threading.enumerate())
    aws = EmbeddedAws()
    for _ in range(2):
        with aws:
            aws.clear_calls()
            sqs = aws.client("sqs", "us-east-1")
            assert "QueueUrls" not in sqs.list_queues()
            sqs.create_queue(QueueName="left-over")
    assert set(threading.enumerate()) == before
    assert capfd.readouterr() == ("", "")
    assert [record for record in caplog.records if record.name == "werkzeug"] == []


def test_only_one_runs_at_a_time() -> None:
    """A second one would share the first one's state, so its start fails."""
    with EmbeddedAws(), pytest.raises(RuntimeError, match="already running"):
        EmbeddedAws().start()
    EmbeddedAws().stop()


def test_a_stopped_one_has_no_address() -> None:
    """Reading the endpoint before the start raises an error that says what to do."""
    with pytest.raises(RuntimeError, match="start it first"):
        _ = EmbeddedAws().endpoint_url


def test_a_request_that_is_not_for_aws_is_not_recorded() -> None:
    """A browser's request is answered by moto and is not recorded as a call."""
    with EmbeddedAws() as aws:
        url = f"{aws.endpoint_url}/moto-api/data.json"
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - on loopback
            assert answer.status == 200
        assert aws.calls(outside=True) == ()


def test_it_is_reached_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's proxy is not used, and the environment is as before afterwards."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    before = dict(os.environ)
    with EmbeddedAws() as aws:
        assert "QueueUrls" not in aws.client("sqs", "us-east-1").list_queues()
    assert dict(os.environ) == before


def test_stopping_ends_delayed_requests() -> None:
    """A request that a fault delays for a minute does not delay the end."""
    before = set(threading.enumerate())
    started = time.monotonic()
    with EmbeddedAws() as aws:
        fault = aws.add_fault(Fault(delay=60))
        asking = threading.Thread(target=_ask, args=(aws.endpoint_url,))
        asking.start()
        while not aws.struck(fault):
            time.sleep(0.01)
    asking.join()
    assert time.monotonic() - started < 30
    assert set(threading.enumerate()) == before


def _ask(endpoint_url: str) -> None:
    credential = "Credential=KEY/20261122/us-east-1/sts/aws4_request"
    request = urllib.request.Request(  # noqa: S310 - the embedded AWS, on loopback
        endpoint_url,
        data=b"Action=GetCallerIdentity",
        headers={"Authorization": f"AWS4-HMAC-SHA256 {credential}, Signature=0"},
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=30)  # noqa: S310 - as above
    caught.value.close()
