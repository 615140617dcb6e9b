"""STS, SSM, SQS and SNS: canned responses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from hashlib import md5
from itertools import count
from typing import Any
from urllib.parse import parse_qs

from msgspec.json import encode

from benchmarks.stub.responses import ServiceError
from benchmarks.world import HUB_ACCOUNT, Builds, image_id, parameter_index

_ROLE = re.compile(r"arn:aws:iam::(\d{12}):role/")
_ENTRY = re.compile(rb"PublishBatchRequestEntries\.member\.\d+\.Id=([^&]+)")
_EXPIRATION = "2099-01-01T00:00:00Z"
_KEY_PREFIX = "ASIA"
_NAMES_PER_CALL = 10


def account_of(access_key_id: str) -> str:
    """The account of a key: AssumeRole puts it into the key; other keys are the hub's."""
    digits = access_key_id.removeprefix(_KEY_PREFIX)
    return digits if len(digits) == len(HUB_ACCOUNT) and digits.isdigit() else HUB_ACCOUNT


def assume_role(body: bytes) -> bytes:
    """Temporary credentials of the role's account."""
    role = parse_qs(body.decode())["RoleArn"][0]
    match = _ROLE.match(role)
    if match is None:
        raise ServiceError("ValidationError", f"{role} is invalid")
    account = match[1]
    return (
        '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>'
        f"<AssumedRoleUser><AssumedRoleId>AROA:bench</AssumedRoleId>"
        f"<Arn>arn:aws:sts::{account}:assumed-role/bench/bench</Arn></AssumedRoleUser><Credentials>"
        f"<AccessKeyId>{_KEY_PREFIX}{account}</AccessKeyId>"
        "<SecretAccessKey>secret-of-the-benchmark-secret-of-the-be</SecretAccessKey>"
        f"<SessionToken>{'token' * 60}</SessionToken><Expiration>{_EXPIRATION}</Expiration>"
        "</Credentials></AssumeRoleResult></AssumeRoleResponse>"
    ).encode()


def get_caller_identity(account: str) -> bytes:
    """The account of the credentials."""
    return (
        "<GetCallerIdentityResponse><GetCallerIdentityResult>"
        f"<Account>{account}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
    ).encode()


class Ssm:
    """The parameters of the world."""

    def __init__(self, builds: Builds) -> None:
        self._builds = builds

    def get_parameters(self, region: str, request: Mapping[str, Any]) -> bytes:
        """The values of up to ten names."""
        if not 1 <= len(request["Names"]) <= _NAMES_PER_CALL:
            raise ServiceError("ValidationException", "1 to 10 names")
        found = {name: self._parameter(region, name) for name in sorted(request["Names"])}
        missing = encode([name for name, value in found.items() if value is None])
        values = b",".join(value for value in found.values() if value is not None)
        return b'{"InvalidParameters":%b,"Parameters":[%b]}' % (missing, values)

    def get_parameter(self, region: str, request: Mapping[str, Any]) -> bytes:
        """The value of one name."""
        found = self._parameter(region, request["Name"])
        if found is None:
            raise ServiceError("ParameterNotFound")
        return b'{"Parameter":%b}' % found

    def _parameter(self, region: str, path: str) -> bytes | None:
        index = parameter_index(path)
        world = self._builds.world
        if index is None or not world.filters <= index < world.images:
            return None
        return _parameter(region, path, index, self._builds.current(index))


@lru_cache(maxsize=500_000)
def _parameter(region: str, path: str, index: int, build: int) -> bytes:
    return encode(
        {
            "ARN": f"arn:aws:ssm:{region}::parameter{path}",
            "DataType": "text",
            "LastModifiedDate": 1767225600.0 + build,
            "Name": path,
            "Type": "String",
            "Value": image_id(region, index, build),
            "Version": build,
        }
    )


class Queue:
    """The queue: keeps the bodies of messages in the order in which they were sent."""

    def __init__(self) -> None:
        self.bodies: list[str] = []

    def send_message_batch(self, request: Mapping[str, Any]) -> bytes:
        """Accept up to ten messages."""
        sent = [
            {"Id": entry["Id"], **self._accept(entry["MessageBody"])}
            for entry in request["Entries"]
        ]
        return encode({"Successful": sent})

    def send_message(self, request: Mapping[str, Any]) -> bytes:
        """Accept one message."""
        return encode(self._accept(request["MessageBody"]))

    def _accept(self, body: str) -> dict[str, str]:
        self.bodies.append(body)
        digest = md5(body.encode(), usedforsecurity=False).hexdigest()
        return {"MessageId": f"{len(self.bodies):036d}", "MD5OfMessageBody": digest}


class Topics:
    """The topics: accept every entry."""

    def __init__(self) -> None:
        self.published = 0
        self._numbers = count(1)

    def publish_batch(self, body: bytes) -> bytes:
        """Accept up to ten entries."""
        entries = _ENTRY.findall(body)
        self.published += len(entries)
        members = "".join(
            f"<member><Id>{entry.decode()}</Id><MessageId>{next(self._numbers):036d}</MessageId>"
            "</member>"
            for entry in entries
        )
        return (
            '<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">'
            f"<PublishBatchResult><Failed/><Successful>{members}</Successful></PublishBatchResult>"
            "</PublishBatchResponse>"
        ).encode()
