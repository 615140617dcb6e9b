"""Parameters that another account shares are read by their ARN."""

from __future__ import annotations

from typing import Any

from services.embedded.aws.server import EmbeddedAws

OWNER, OTHER, READER = "333344445555", "444455556666", "111122223333"
PATH = "/golden/base"


def read(running: EmbeddedAws, *names: str) -> tuple[dict[str, str], list[str]]:
    """Read parameters as an account that owns only one of them: values by ARN, invalid names."""
    ssm: Any = running.client("ssm", "eu-west-1", READER)
    answer = ssm.get_parameters(Names=list(names))
    found = {parameter["ARN"]: parameter["Value"] for parameter in answer["Parameters"]}
    assert {parameter["Name"] for parameter in answer["Parameters"]} <= {PATH}
    return found, answer["InvalidParameters"]


def test_two_owners_can_share_one_name(running: EmbeddedAws) -> None:
    """Responses have the plain name, so only the ARN says whose parameter it is."""
    for owner in (OWNER, OTHER, READER):
        running.publishers.put_parameter(owner, "eu-west-1", PATH, f"value of {owner}")
    arns = [running.share_parameter(owner, "eu-west-1", PATH) for owner in (OWNER, OTHER)]
    own = arns[0].replace(OWNER, READER)

    values, invalid = read(running, PATH, *arns, "/none")

    expected = {own: READER, arns[0]: OWNER, arns[1]: OTHER}
    assert values == {arn: f"value of {owner}" for arn, owner in expected.items()}
    assert invalid == ["/none"]


def test_a_parameter_that_is_not_shared_is_invalid(running: EmbeddedAws) -> None:
    """So is one of another region, and one that does not exist."""
    running.publishers.put_parameter(OWNER, "eu-west-1", "/golden/private", "x")
    shared = running.share_parameter(OWNER, "us-east-1", PATH)
    missing = running.share_parameter(OWNER, "eu-west-1", "/golden/missing")
    private = missing.replace("missing", "private")

    assert read(running, private, shared, missing) == ({}, [private, shared, missing])
