"""Clients with the hub's own credentials, or with those of an assumed role.

This is the only module that creates clients. It uses botocore, which boto3 calls too, without the
imports of boto3. There is one session, since each session loads the service models again. Clients
are created under a lock, since creation is not thread-safe (boto3 issue 1592), and are cached.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import botocore.session
from botocore.config import Config
from botocore.exceptions import UnknownRegionError

from services.kernel.retry import end_time_out

MAX_THREADS = 32
"""Threads of a function that calls targets: 8 to 16 use one core fully (measured, 30 ms latency),
and as many can wait for targets that do not respond."""

_CONFIG = Config(
    connect_timeout=3,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=MAX_THREADS,
    # botocore's own text is put together twice for each call.
    user_agent=f"ami-tracker Botocore/{botocore.__version__}",
)

_ONCE = _CONFIG.merge(Config(read_timeout=900, retries={"total_max_attempts": 1}))

_PARTITION_OF_AMAZON_ROOTS = "aws"
"""Other partitions can use other authorities: aws-eusc has roots of its own."""

Client = Any
"""A client of botocore; callers narrow it to the typed client of the service."""


class HubSession:
    """The hub's own session: clients with the caller's own credentials.

    A profile and an endpoint replace those of the environment and of the configuration file, as the
    options of the AWS CLI do. `amazon_roots` are certificates that replace those of the SDK in the
    partition `aws`, unless the environment or the configuration file names others.
    """

    def __init__(
        self,
        region: str,
        *,
        profile: str | None = None,
        endpoint_url: str | None = None,
        amazon_roots: Path | None = None,
    ) -> None:
        self.region = region
        self._session = botocore.session.Session(profile=profile)
        self._session.get_scoped_config()  # an error now if the profile does not exist
        self._session.set_config_variable("region", region)
        # Overrides the environment and the configuration file, which can say `legacy`. An endpoint
        # that they set for STS or for all services is still used.
        self._session.set_config_variable("sts_regional_endpoints", "regional")
        self._endpoint_url = endpoint_url
        if amazon_roots and self._uses_amazon_roots():
            self._session.set_config_variable("ca_bundle", str(amazon_roots))
        self._clients: dict[tuple[str, str], Client] = {}
        self._lock = threading.Lock()

    def _uses_amazon_roots(self) -> bool:
        if self._session.get_config_variable("ca_bundle"):
            return False
        with suppress(UnknownRegionError):  # its partition is unknown too
            return self.partition == _PARTITION_OF_AMAZON_ROOTS
        return False

    @property
    def partition(self) -> str:
        """`aws`, `aws-cn` or `aws-us-gov`: roles cannot be assumed across partitions."""
        return self._session.get_partition_for_region(self.region)

    def client(self, service: str, region: str | None = None) -> Client:
        """The hub's client of a service, in the hub's region unless another is given."""
        key = (service, region or self.region)
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._create(*key)
            return self._clients[key]

    def client_without_retries(self, service: str) -> Client:
        """A new client for calls that take minutes and must not be repeated, such as Invoke."""
        create = cast("Callable[..., Client]", self._session.create_client)
        with self._lock:
            return create(service, endpoint_url=self._endpoint_url, config=_ONCE)

    def member_client(self, service: str, region: str, session: AssumedSession) -> Client:
        """A new client with the credentials of an assumed session."""
        with self._lock:
            return self._create(
                service,
                region,
                aws_access_key_id=session.access_key_id,
                aws_secret_access_key=session.secret_access_key,
                aws_session_token=session.session_token,
            )

    def _create(self, service: str, region: str, **credentials: str) -> Client:
        # The stubs accept service names only as literals.
        create = cast("Callable[..., Client]", self._session.create_client)
        client = create(
            service,
            region_name=region,
            endpoint_url=self._endpoint_url,
            config=_CONFIG,
            **credentials,
        )
        service_id = client.meta.service_model.service_id.hyphenize()
        client.meta.events.register_first(f"needs-retry.{service_id}", end_time_out)
        return client


@dataclass(frozen=True, slots=True)
class AssumedSession:
    """Temporary credentials in a target's account; never printed."""

    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expiration: datetime
