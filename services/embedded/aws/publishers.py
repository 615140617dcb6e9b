"""Publishes images and parameters directly in moto's memory.

moto refuses `PutParameter` below /aws/ as AWS does, and its `RegisterImage` cannot set a date,
owner or architecture, so these cannot be created through the API.
"""

from __future__ import annotations

import secrets
import threading
from datetime import UTC, datetime
from typing import Any

from moto.ec2.models import ec2_backends
from moto.ec2.models.amis import Ami
from moto.ssm.models import Parameter, ssm_backends

AMAZON = "137112412989"
"""The account that publishes Amazon Linux."""


class Publishers:
    """Creates and deletes parameters and images in any account and region.

    moto keeps public parameters and images per account, so a public one is written to each account.
    Its own Amazon Linux and ECS parameters, with their images, are in every account.
    """

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock

    def put_parameter(self, account_id: str, region: str, path: str, value: str) -> None:
        """Write the next version of a parameter, public or not."""
        with self._lock:
            versions = ssm_backends[account_id][region]._parameters[path]  # noqa: SLF001 - there is no API for it
            new: Any = Parameter  # abstract to mypy, since moto's base class is
            parameter = new(
                account_id=account_id,
                name=path,
                value=value,
                parameter_type="String",
                description=None,
                allowed_pattern=None,
                keyid=None,
                last_modified_date=datetime.now(UTC),
                version=versions[-1].version + 1 if versions else 1,
                data_type="text",
            )
            versions.append(parameter)

    def delete_parameter(self, account_id: str, region: str, path: str) -> None:
        """Delete a parameter, if it exists."""
        with self._lock:
            ssm_backends[account_id][region]._parameters.pop(path, None)  # noqa: SLF001 - there is no API for it

    def register_image(  # noqa: PLR0913 - an image has that many properties, each with its default
        self,
        account_id: str,
        region: str,
        name: str,
        creation_date: datetime | None = None,
        *,
        owner_id: str = AMAZON,
        owner_alias: str | None = None,
        image_id: str | None = None,
        state: str = "available",
        architecture: str = "x86_64",
        deprecation_time: datetime | None = None,
        public: bool = True,
    ) -> str:
        """Publish an image that is visible in `account_id`; returns its id."""
        new_id = image_id or f"ami-{secrets.token_hex(9)[:17]}"
        with self._lock:
            backend = ec2_backends[account_id][region]
            image: Any = Ami(
                backend,
                new_id,
                name=name,
                description=name,
                owner_id=owner_id,
                owner_alias=owner_alias,
                public=public,
                virtualization_type="hvm",
                architecture=architecture,
                state=state,
                creation_date=creation_date,
                image_location=f"{owner_alias or owner_id}/{name}",
                hypervisor="xen",
                root_device_type="ebs",
                region_name=f"{region}a",
            )
            if deprecation_time:
                image.deprecation_time = _ec2_time(deprecation_time)
            backend.amis[new_id] = image
        return new_id

    def set_image_state(self, account_id: str, region: str, image_id: str, state: str) -> None:
        """Set an image's state, such as `available`, `pending` or `disabled`."""
        with self._lock:
            ec2_backends[account_id][region].amis[image_id].state = state

    def set_image_date(self, account_id: str, region: str, image_id: str, moment: datetime) -> None:
        """Set an image's creation date; moto's own images have the time when they were loaded."""
        with self._lock:
            ec2_backends[account_id][region].amis[image_id].creation_date = moment

    def remove_image(self, account_id: str, region: str, image_id: str) -> None:
        """Delete an image, if it exists, as if it was never shared."""
        with self._lock:
            ec2_backends[account_id][region].amis.pop(image_id, None)

    def deregister_image(self, account_id: str, region: str, image_id: str) -> None:
        """Deregister an image, as its owner can; EC2 keeps a record of it."""
        with self._lock:
            ec2_backends[account_id][region].deregister_image(image_id)

    def parameter(self, account_id: str, region: str, path: str) -> str | None:
        """A parameter's current value, also of moto's own; None if it does not exist."""
        with self._lock:
            parameters = ssm_backends[account_id][region]._parameters  # noqa: SLF001 - there is no API for it
            return str(parameters[path][-1].value) if path in parameters else None


def _ec2_time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
