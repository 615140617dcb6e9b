"""What image publishers do, written directly into moto's memory.

moto refuses `PutParameter` below /aws/ as AWS does, and gives registered images no date, owner or
architecture of one's choice; so neither can be made through the API.
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
    """Parameters and images of any account and region, made and unmade at will.

    moto keeps public parameters and images per account: what every account has to see is written to
    each. Its own Amazon Linux and ECS parameters, with their images, are in all of them.
    """

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock

    def put_parameter(self, account_id: str, region: str, path: str, value: str) -> None:
        """Give a parameter, public or not, its next version."""
        with self._lock:
            versions = ssm_backends[account_id][region]._parameters[path]  # noqa: SLF001 - no API does
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
        """Take a parameter away; one that is not there is no error."""
        with self._lock:
            ssm_backends[account_id][region]._parameters.pop(path, None)  # noqa: SLF001 - no API does

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
        """Publish an image where `account_id` sees it; its id."""
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
        """Make an image `available`, `pending`, `disabled` or whatever else AWS knows."""
        with self._lock:
            ec2_backends[account_id][region].amis[image_id].state = state

    def set_image_date(self, account_id: str, region: str, image_id: str, moment: datetime) -> None:
        """Date an image; moto's own have the moment at which they were loaded."""
        with self._lock:
            ec2_backends[account_id][region].amis[image_id].creation_date = moment

    def remove_image(self, account_id: str, region: str, image_id: str) -> None:
        """Make an image unknown, as one that was never shared; none there is no error."""
        with self._lock:
            ec2_backends[account_id][region].amis.pop(image_id, None)

    def deregister_image(self, account_id: str, region: str, image_id: str) -> None:
        """Deregister an image, as its owner can: EC2 still knows that it existed."""
        with self._lock:
            ec2_backends[account_id][region].deregister_image(image_id)

    def parameter(self, account_id: str, region: str, path: str) -> str | None:
        """A parameter's current value, moto's own included; None when there is none."""
        with self._lock:
            parameters = ssm_backends[account_id][region]._parameters  # noqa: SLF001 - no API does
            return str(parameters[path][-1].value) if path in parameters else None


def _ec2_time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
