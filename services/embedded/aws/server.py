"""The embedded AWS: moto's server in this process, on the loopback interface."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Any, ClassVar, Self

import botocore.session
from botocore.config import Config
from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.iam.models import get_account_id_from
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import ThreadedWSGIServer

from services.embedded.aws.calls import Call
from services.embedded.aws.corrections import Corrections
from services.embedded.aws.faults import Fault
from services.embedded.aws.functions import Function
from services.embedded.aws.middleware import ACCOUNT_HEADER, Hook, Middleware
from services.embedded.aws.proxies import bypassed
from services.embedded.aws.publishers import Publishers

HUB_ACCOUNT = "123456789012"
"""moto's default account, for credentials that are not from an assumed role."""

_HOST = "127.0.0.1"
_POLL_SECONDS = 0.05
_IDLE_SECONDS = 5
_ADMIN_CONFIG = Config(retries={"total_max_attempts": 1}, max_pool_connections=4)
_NO_FILE = "/dev/null"


class EmbeddedAws:
    """An AWS in this process: `with EmbeddedAws() as aws: …`.

    Only one can run at a time, since moto keeps its state in module globals; `start` empties it.
    `publishers` publishes images and parameters, `calls` lists the services' requests, `fault`
    makes requests fail, and `hook` can inspect and answer them. `client` is an administrator of any
    account; faults and hooks do not apply to it. While it runs, `no_proxy` contains its address.
    """

    _running: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._corrections = Corrections()
        application = DomainDispatcherApplication(create_backend_app)
        self._middleware = Middleware(
            application, get_account_id_from, self._corrections, self._stopping
        )
        self.publishers = Publishers(self._middleware.lock)
        self._clients: dict[tuple[str, str, str], Any] = {}
        self._clients_lock = threading.Lock()
        self._session = _isolated_session()
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self._while_running = ExitStack()

    # --- start and stop

    def start(self) -> Self:
        """Start with empty accounts, except for moto's own parameters and images.

        Raises:
            RuntimeError: one is already running in this process.
        """
        if not self._running.acquire(blocking=False):
            message = "an embedded AWS is already running in this process; stop it first"
            raise RuntimeError(message)
        _empty()
        self._corrections.clear()
        self._stopping.clear()
        self._while_running.enter_context(bypassed(_HOST))
        self._server = _Server(_HOST, 0, self._middleware, _QuietHandler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_SECONDS,), name="embedded-aws"
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop, wait for every thread, and delete all state; safe to call twice."""
        if self._server is None or self._thread is None:
            return
        self._stopping.set()  # ends the delays of faults
        self._server.shutdown()
        self._thread.join()
        self._server = self._thread = None
        for client in self._clients.values():
            client.close()
        self._clients.clear()
        self._while_running.close()
        _empty()
        self._running.release()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def share_parameter(self, owner_id: str, region: str, path: str) -> str:
        """Share a parameter with every account and return its ARN, by which it can be read."""
        return self._corrections.shared_parameters.share(owner_id, region, path)

    @property
    def endpoint_url(self) -> str:
        """The URL of the server, for `AWS_ENDPOINT_URL`.

        Raises:
            RuntimeError: it is not running.
        """
        if self._server is None:
            message = "the embedded AWS is not running; start it first"
            raise RuntimeError(message)
        return f"http://{_HOST}:{self._server.server_port}"

    # --- the administrator

    def client(self, service: str, region: str, account_id: str = HUB_ACCOUNT) -> Any:  # noqa: ANN401 - the caller narrows it
        """A client with all permissions in an account; no fault applies to it."""
        key = (service, region, account_id)
        with self._clients_lock:
            if key not in self._clients:
                self._clients[key] = self._admin(*key)
            return self._clients[key]

    def _admin(self, service: str, region: str, account_id: str) -> Any:  # noqa: ANN401 - as above
        def act_in_account(params: dict[str, Any], **_: object) -> None:
            params["headers"][ACCOUNT_HEADER] = account_id

        client = self._session.create_client(
            service,
            region_name=region,
            endpoint_url=self.endpoint_url,
            aws_access_key_id="administrator",
            aws_secret_access_key="of-the-embedded-aws",  # noqa: S106 - moto checks no signature
            config=_ADMIN_CONFIG,
        )
        client.meta.events.register("before-call", act_in_account)
        return client

    @contextmanager
    def function(self, name: str, function: Function) -> Iterator[None]:
        """Answer `lambda:Invoke` of a function inside the block, by calling it in this process."""
        self._middleware.functions.add(name, function)
        try:
            yield
        finally:
            self._middleware.functions.remove(name)

    # --- recorded calls

    def mark(self) -> int:
        """The current position in the recorded calls, for `calls`."""
        return self._middleware.calls.mark()

    def calls(self, since: int = 0, *, outside: bool = False) -> tuple[Call, ...]:
        """The services' API calls since a mark; with `outside`, the administrator's too."""
        return self._middleware.calls.since(since, outside=outside)

    def clear_calls(self) -> None:
        """Delete all recorded calls."""
        self._middleware.calls.clear()

    @contextmanager
    def hook(self, hook: Hook) -> Iterator[None]:
        """Call `hook` for each request of the services inside the block; it can answer the request.

        The hook that was added last is called first.
        """
        self._middleware.hooks.append(hook)
        try:
            yield
        finally:
            self._middleware.hooks.remove(hook)

    # --- faults

    def add_fault(self, fault: Fault) -> Fault:
        """Activate a fault until `heal` removes it; returns the fault."""
        self._middleware.faults.add(fault)
        return fault

    def heal(self, fault: Fault | None = None) -> None:
        """Remove one fault, or all of them."""
        if fault is None:
            self._middleware.faults.clear()
        else:
            self._middleware.faults.remove(fault)

    def struck(self, fault: Fault) -> int:
        """How many requests a fault was applied to."""
        return self._middleware.faults.struck(fault)

    @contextmanager
    def fault(self, **settings: Any) -> Iterator[Fault]:  # noqa: ANN401 - the fields of `Fault`
        """Activate a fault (the fields of `Fault`) inside the block."""
        fault = self.add_fault(Fault(**settings))
        try:
            yield fault
        finally:
            self.heal(fault)

    @property
    def images_per_page(self) -> int | None:
        """The largest page of `DescribeImages`, if it is smaller than the caller's page size."""
        return self._corrections.images.largest

    @images_per_page.setter
    def images_per_page(self, largest: int | None) -> None:
        self._corrections.images.largest = largest


class _Server(ThreadedWSGIServer):
    daemon_threads = False  # closing the server waits for running requests


class _QuietHandler(MotoRequestHandler):
    """Writes no access log, and closes connections without a request after a time-out."""

    timeout = _IDLE_SECONDS

    def log(self, *_: object) -> None:
        """Do nothing: the middleware records every call."""


def _empty() -> None:
    BackendDict.reset()
    reset_model_data()


def _isolated_session() -> botocore.session.Session:
    """A session that reads no profile and no configuration file."""
    session = botocore.session.Session(
        session_vars={
            "profile": (None, None, None, None),
            "config_file": (None, None, _NO_FILE, None),
            "credentials_file": (None, None, _NO_FILE, None),
        }
    )
    session.set_config_variable("region", "us-east-1")
    return session
