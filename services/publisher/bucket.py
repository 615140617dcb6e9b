"""The bucket of the site."""

from __future__ import annotations

from collections.abc import Sequence

from services.kernel.failures import hub
from services.kernel.hub_session import Client
from services.kernel.retry import batches, until_done

_KEYS_PER_DELETE = 1000  # s3:DeleteObjects
_REVALIDATE = "no-cache"
"""Browsers and CloudFront ask S3 whether an object has changed before they show it again."""


class Bucket:
    """The objects below a prefix. Paths are relative to the prefix.

    Each method raises `HubBrokenError` if the bucket cannot be used, and `CallFailedError` if it is
    busy.
    """

    def __init__(self, client: Client, name: str, prefix: str = "") -> None:
        self.name = name
        self._client = client
        self._prefix = prefix
        self._resource = f"bucket {name}"

    def etags(self, folder: str) -> dict[str, str]:
        """The ETag of each object below a folder, by its path in the folder."""
        start = self._prefix + folder
        with hub(self._resource):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.name, Prefix=start
            )
            return {
                each["Key"].removeprefix(start): each["ETag"]
                for page in pages
                for each in page.get("Contents", [])
            }

    def read(self, path: str) -> str:
        """The text of an object that exists."""
        with hub(self._resource):
            answer = self._client.get_object(Bucket=self.name, Key=self._prefix + path)
            return str(answer["Body"].read().decode(errors="replace"))

    def write(self, path: str, text: str, content_type: str) -> str:
        """Write an object and return its ETag."""
        with hub(self._resource):
            answer = self._client.put_object(
                Bucket=self.name,
                Key=self._prefix + path,
                Body=text.encode(),
                ContentType=content_type,
                CacheControl=_REVALIDATE,
            )
            return str(answer["ETag"])

    def delete(self, paths: Sequence[str]) -> list[str]:
        """Delete objects, 1,000 per call; return the paths that S3 did not delete."""
        left: list[str] = []
        for some in batches(paths, _KEYS_PER_DELETE):
            undone: Sequence[str] = until_done(self._delete, some)
            left += undone
        return left

    def _delete(self, paths: Sequence[str]) -> Sequence[str]:
        keys = {self._prefix + path: path for path in paths}
        with hub(self._resource):
            answer = self._client.delete_objects(
                Bucket=self.name,
                Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True},
            )
        return [keys[each["Key"]] for each in answer.get("Errors", [])]
