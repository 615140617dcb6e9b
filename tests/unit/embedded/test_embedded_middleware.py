"""The middleware of the embedded AWS: one request at a time, and faults delay only theirs."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from services.embedded.aws.calls import ApiRequest
from services.embedded.aws.faults import Fault, Response, error_response
from services.embedded.aws.middleware import Middleware


class Application:
    """A WSGI application that records the highest number of simultaneous requests."""

    def __init__(self) -> None:
        self.inside = 0
        self.most = 0

    def __call__(self, _: object, start_response: Callable[..., object]) -> Iterable[bytes]:
        """Respond after a moment."""
        self.inside += 1
        self.most = max(self.most, self.inside)
        time.sleep(0.01)
        self.inside -= 1
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]


def as_it_is(_request: ApiRequest, _account_id: str, ask: Callable[[], Response]) -> Response:
    """Return the response without a correction."""
    return ask()


def a_front(application: Application) -> Middleware:
    """Build the middleware around the application."""
    return Middleware(application, lambda _: "123456789012", as_it_is, threading.Event())


def ask(front: Middleware, region: str = "eu-west-1") -> tuple[str, bytes]:
    """Return status and body of the response to a signed request."""
    credential = f"Credential=KEY/20261122/{region}/sts/aws4_request"
    body = b"Action=GetCallerIdentity"
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 {credential}",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
    statuses: list[str] = []

    def start_response(status: str, _headers: object) -> Any:  # noqa: ANN401 - WSGI's own
        statuses.append(status)

    answer: Any = front(environ, start_response)  # type: ignore[arg-type] # no response raises here
    return statuses[-1], b"".join(answer)


def test_moto_is_called_by_one_thread_at_a_time() -> None:
    """Eight simultaneous requests are passed on one by one, and all get a response."""
    application = Application()
    front = a_front(application)
    with ThreadPoolExecutor(max_workers=8) as threads:
        answers = list(threads.map(lambda _: ask(front), range(8)))
    assert answers == [("200 OK", b"ok")] * 8
    assert application.most == 1


def test_a_delayed_request_delays_no_other() -> None:
    """While a request of one region is delayed, before or after its effect, another succeeds."""
    front = a_front(Application())
    front.faults.add(Fault(region="eu-west-1", delay=0.5, status=503, times=1))
    front.faults.add(Fault(region="eu-west-1", delay=0.5, when="late"))
    with ThreadPoolExecutor(max_workers=2) as threads:
        hanging = [threads.submit(ask, front) for _ in range(2)]
        time.sleep(0.1)
        assert ask(front, "us-east-1") == ("200 OK", b"ok")
        assert not any(one.done() for one in hanging)
    assert sorted(one.result()[0] for one in hanging) == ["200 OK", "503 Service Unavailable"]


def test_a_status_without_a_name_is_returned() -> None:
    """AWS responds to some throttled calls with 509, which HTTP does not define."""
    front = a_front(Application())
    front.faults.add(Fault(code="BandwidthLimitExceeded", status=509))
    assert ask(front)[0] == "509 Unnamed"


def test_hooks_see_requests_and_may_respond() -> None:
    """The hook that was added last is called first, and may respond instead of moto."""
    seen: list[str] = []
    front = a_front(Application())

    def see(request: ApiRequest, ask: Callable[[], Response | None]) -> Response | None:
        seen.append(f"{request.operation} {request.body.decode()}")
        return ask()

    def refuse(request: ApiRequest, ask: Callable[[], Response | None]) -> Response | None:
        if request.region == "eu-west-1":
            return error_response("sts", "AccessDenied", "refused by a test", 403)
        return ask()

    front.hooks += [see, refuse]

    assert ask(front)[0] == "403 Forbidden"
    assert seen == []
    assert ask(front, "us-east-1") == ("200 OK", b"ok")
    assert seen == ["GetCallerIdentity Action=GetCallerIdentity"]
