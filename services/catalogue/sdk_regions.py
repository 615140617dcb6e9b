"""The regions in the endpoint data of the installed AWS SDK."""

from __future__ import annotations

from functools import cache

from botocore.loaders import Loader
from botocore.regions import EndpointResolver


@cache
def sdk_regions() -> frozenset[str]:
    """Every region of every partition that has EC2 in botocore's endpoint data."""
    # Not through a session, which reads the user's profile and fails if it does not exist.
    resolver = EndpointResolver(Loader().load_data("endpoints"))
    return frozenset(
        region
        for partition in resolver.get_available_partitions()
        for region in resolver.get_available_endpoints("ec2", partition)
    )
