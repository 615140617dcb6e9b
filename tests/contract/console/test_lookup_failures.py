"""`ami-tracker lookup` without an answer: each reason in one sentence, and the exit code."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from support.labs.lookup_lab import IRELAND, MEMBER, RED_HAT, VIRGINIA, Lab, image_id

from services.embedded.aws.calls import ApiRequest
from services.embedded.aws.faults import Response, error_response
from services.embedded.tracker.resources import EXTERNAL_ID

IDENTITY = ("sts", "GetCallerIdentity")
DESCRIBE = ("ec2", "DescribeImages")
ONE = ("by-parameter", "--regions", VIRGINIA)


def hints(lab: Lab, *arguments: str) -> list[str]:
    """Return the hints of one failed lookup."""
    found: list[str] = lab.one(*arguments, code=1)["hints"]
    return found


# --- nothing found


def test_the_filter_that_finds_nothing_alone(lab: Lab) -> None:
    """Each filter is tried with the owners, on one page each; similar names are shown."""
    entry = ("--owner", RED_HAT, "--filter", "name=RHEL-9.5.0_HVM-x86_64-0")

    found = hints(lab, *entry, "--filter", "architecture=x86_64", "--regions", VIRGINIA)

    assert found[0] == "name=RHEL-9.5.0_HVM-x86_64-0 finds nothing, even as the only filter"
    assert found[1].startswith("similar names of these owners: RHEL-9.")
    assert len(found) == 2
    assert lab.calls() == sorted([IDENTITY, *[DESCRIBE] * 5])


def test_two_filters_that_exclude_each_other(lab: Lab) -> None:
    """If each finds something alone, the one is named without which the others do."""
    lab.register(31, "arm-1", 1, architecture="arm64")
    entry = ("--owner", RED_HAT, "--filter", "name=RHEL-*", "--filter", "architecture=arm64")

    found = hints(lab, *entry, "--regions", VIRGINIA)

    assert found == [
        "each filter finds images alone; without architecture=arm64, all others do",
        "each filter finds images alone; without name=RHEL-*, all others do",
    ]
    assert lab.calls() == sorted([IDENTITY, *[DESCRIBE] * 6])


def test_owners_without_images(lab: Lab) -> None:
    """Then the filters are not tried."""
    entry = ("--owner", "999999999999", "--filter", "name=RHEL-*x86_64*")

    found = hints(lab, *entry, "--regions", VIRGINIA)

    assert found == ["no available image of the owners 999999999999 is visible here"]
    assert lab.calls() == sorted([IDENTITY, *[DESCRIBE] * 2])


def test_exclusions_that_exclude_everything(lab: Lab) -> None:
    """This is known without another call."""
    entry = ("--owner", RED_HAT, "--filter", "name=RHEL-9.*-x86_64-0", "--exclude-name", "RHEL-*")

    found = hints(lab, *entry, "--regions", VIRGINIA)

    assert found == ["4 image(s) match, and ExcludeNames excludes all: RHEL-*"]
    assert lab.calls() == sorted([IDENTITY, DESCRIBE])


def test_a_misspelt_parameter(lab: Lab) -> None:
    """The most similar parameter of the files is named, and a command that lists parameters."""
    entry = ("--parameter", "/aws/service/acme/linux/9/imageid")

    found = lab.one(*entry, "--regions", VIRGINIA, code=1)
    text = lab.run(*entry).stdout

    near = "/aws/service/acme/linux/9/image_id"
    assert found["hints"] == [f"the most similar parameter of the image files is {near}"]
    [command] = [each["command"] for each in found["commands"] if each["purpose"] == "list"]
    assert command.startswith(
        f"aws ssm get-parameters-by-path --region {VIRGINIA} --path /aws/service/acme/linux/9 "
    )
    assert "not_found: ParameterNotFound" in text
    assert f"(eu-west-1, {VIRGINIA})" in text
    assert "aws ssm get-parameters-by-path --region eu-west-1" in text


def test_the_optional_files_are_known_too(lab: Lab) -> None:
    """A similar parameter may be in a file that is not read, or has mistakes."""
    (lab.folder / "optional_images").mkdir()
    text = "images: [{Nmae: a, ParameterPath: /vendor/linux/image_id}]\n"
    (lab.folder / "optional_images" / "vendor.yaml").write_text(text, encoding="utf-8")

    [hint] = hints(lab, "--parameter", "/vendor/linux/image-id", "--regions", VIRGINIA)

    assert hint == "the most similar parameter of the image files is /vendor/linux/image_id"


def test_an_image_that_is_not_visible(lab: Lab) -> None:
    """The value is shown with the state of its image."""
    lab.put(image_id(77), "/acme/invisible")

    found = lab.one("--parameter", "/acme/invisible", "--regions", VIRGINIA, code=1)

    assert (found["state"], found["problem"]["code"]) == ("not_launchable", "NotLaunchable")
    assert found["why"]["parameter"]["image_id"] == image_id(77)
    assert found["why"]["parameter"]["image_state"] is None
    [hint] = found["hints"]
    assert hint.startswith("its owner has not shared it with account 123456789012, ")


def test_a_value_that_is_no_image_is_not_shown(lab: Lab) -> None:
    """A mistyped path can name a secret."""
    lab.put("hunter2", "/acme/secret")

    result = lab.run("--parameter", "/acme/secret", "--regions", VIRGINIA)

    assert result.exit_code == 1
    assert "bad_value" in result.stdout
    assert "hunter2" not in result.stdout


# --- refused


def test_ssm_is_denied(lab: Lab) -> None:
    """The action is named, with the statement that allows both actions."""
    with lab.aws.fault(service="ssm", code="AccessDeniedException", status=400, message="no"):
        [hint] = hints(lab, *ONE)

    assert hint.startswith("ssm:GetParameters is not allowed for arn:aws:sts::123456789012:")
    statement = json.loads(hint.partition("add to its policy: ")[2])
    assert statement["Action"] == ["ssm:GetParameters", "ec2:DescribeImages"]


def test_ec2_is_denied(lab: Lab) -> None:
    """The other action is named."""
    message = "You are not authorized to perform this operation. Encoded authorization failure"
    with lab.aws.fault(service="ec2", code="UnauthorizedOperation", status=403, message=message):
        [hint] = hints(lab, "by-filter", "--regions", VIRGINIA)

    assert hint.startswith("ec2:DescribeImages is not allowed for ")


def test_a_role_is_denied(lab: Lab) -> None:
    """The role's template is named, and the option that needs no role."""
    [hint] = hints(lab, *ONE, "--external-id", "wrong")

    assert hint.startswith("sts:AssumeRole is not allowed for ")
    assert f"arn:aws:iam::{MEMBER}:role/ami-tracker-read" in hint
    assert "infra/cloudformation/member-roles.yaml" in hint
    assert "--no-assume-role" in hint


def test_a_call_is_denied_to_the_role(lab: Lab) -> None:
    """Its policy is that of the template."""
    with lab.aws.fault(service="ssm", code="AccessDeniedException", status=400, message="no"):
        [hint] = hints(lab, *ONE, "--external-id", EXTERNAL_ID)

    assert hint.startswith(f"ssm:GetParameters is not allowed for arn:aws:iam::{MEMBER}:role/")
    assert "ParameterPaths" in hint


def test_a_disabled_region(lab: Lab) -> None:
    """Its error code is that of invalid credentials, which are valid in the hub's region."""
    disabled = {"code": "UnrecognizedClientException", "status": 400, "message": "invalid token"}
    with lab.aws.fault(service="ssm", region=IRELAND, **disabled):
        found = lab.json("by-parameter", code=1)

    states = {each["region"]: each["state"] for each in found["results"]}
    assert states == {IRELAND: "region_disabled", VIRGINIA: "ok"}
    assert found["results"][0]["hints"] == [
        f"{IRELAND} is not enabled in account 123456789012; enable it there, or use other --regions"
    ]


def test_credentials_that_expire_in_between(lab: Lab) -> None:
    """The hub's region refuses them too, so the region is not disabled."""
    refused = error_response("ssm", "UnrecognizedClientException", "invalid token", 400)
    expired = error_response("sts", "ExpiredToken", "expired", 403)
    seen: list[str] = []

    def hook(request: ApiRequest, answer: Callable[[], Response | None]) -> Response | None:
        seen.append(request.service)
        if request.service == "ssm":
            return refused
        return expired if "ssm" in seen else answer()

    with lab.aws.hook(hook):
        found = lab.one(*ONE, code=1)

    assert seen == ["sts", "ssm", "sts"]
    assert found["state"] == "credentials"
    assert found["hints"] == ["the credentials are no longer valid; log in again"]


def test_a_region_that_does_not_answer(lab: Lab) -> None:
    """A closed connection is a temporary failure; the other region has its result."""
    with lab.aws.fault(service="ssm", region=IRELAND, code=None):
        found = lab.json("by-parameter", code=1)

    states = {each["region"]: each["state"] for each in found["results"]}
    assert states == {IRELAND: "transient", VIRGINIA: "ok"}


# --- before the first call


def refusal(lab: Lab, *arguments: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    """Return the exit code and the only line on stderr."""
    result = lab.run(*arguments, env=env)
    assert result.stdout == ""
    assert isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stderr.splitlines()[-1]


def test_no_credentials(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the ways to get some."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    code, line = refusal(lab, *ONE)

    assert (code, line.startswith("Error: no AWS credentials; use --profile")) == (2, True)
    assert lab.calls() == []


@pytest.mark.parametrize("by", ["option", "environment"])
def test_a_profile_that_does_not_exist(lab: Lab, by: str) -> None:
    """The profile is named."""
    options = ("--profile", "nope") if by == "option" else ()
    env = {"AWS_PROFILE": "nope"} if by == "environment" else None

    code, line = refusal(lab, *ONE, *options, env=env)

    assert (code, line.startswith("Error: The config profile (nope) could not be found")) == (
        2,
        True,
    )


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        ("ExpiredToken", "the AWS credentials have expired (ExpiredToken); log in again"),
        (
            "InvalidClientTokenId",
            "AWS refuses the credentials in us-east-1: InvalidClientTokenId: ",
        ),
    ],
)
def test_refused_credentials(lab: Lab, error: str, sentence: str) -> None:
    """One call is made, and no other."""
    with lab.aws.fault(service="sts", code=error, status=403, message="no"):
        code, line = refusal(lab, *ONE)

    assert (code, line.startswith(f"Error: {sentence}")) == (1, True)
    assert lab.calls() == [IDENTITY]


def test_an_endpoint_that_does_not_respond(lab: Lab) -> None:
    """The sentence names the option, and the call is not repeated."""
    code, line = refusal(lab, *ONE, "--endpoint-url", "http://127.0.0.1:9")

    assert code == 1
    assert "does not respond (EndpointConnectionError); check the network, the proxy and " in line


def test_a_connection_that_is_closed(lab: Lab) -> None:
    """This is not a refusal of the credentials."""
    with lab.aws.fault(service="sts", code=None):
        code, line = refusal(lab, *ONE)

    assert (code, "sts:GetCallerIdentity in us-east-1 does not respond (" in line) == (1, True)


@pytest.mark.parametrize("url", ["http://a b", "http://[", "http://localhost:99999"])
def test_an_endpoint_that_is_not_a_url(lab: Lab, url: str) -> None:
    """The option is named."""
    code, line = refusal(lab, *ONE, "--endpoint-url", url)

    assert (code, line.startswith("Error: the endpoint is not a URL: ")) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("by-paramter",), "'by-paramter' in the files of --images; did you mean by-parameter?"),
        (("--regions", "us-eats-1"), "list of regions; did you mean us-east-1?"),
        (("--regions", "regions.yaml"), "--regions takes names, and --regions-file a file"),
        (("--regions", "eu-west-3", "--external-id", "x"), "add it there, or use --no-assume-role"),
        (("--known", "ami-1"), "4 are selected; add a NAME and --regions"),
        (("--known", "x"), "is not an image id, such as ami-0123456789abcdef0"),
        (("--role-name", "x"), "which the roles require"),
        (("--role-name", "x", "--no-assume-role"), "remove it, or remove --role-name"),
        (("by-filter", "--parameter", "/a"), "remove it, or remove the options of an entry"),
        (("--endpoint-url", "localhost:1"), "must begin with https:// or http://"),
        (("--filter", "name"), "must be NAME=VALUE[,VALUE...], such as architecture=x86_64"),
        (("--region", "x"), "'x' is not in this version's list of regions"),
    ],
)
def test_wrong_usage(lab: Lab, arguments: tuple[str, ...], sentence: str) -> None:
    """The sentence says what to do, and at most the caller's identity is read."""
    code, line = refusal(lab, *arguments)

    assert (code, sentence in line) == (2, True), line
    assert set(lab.calls()) <= {IDENTITY}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--parameter", "/aws/x/"), "--parameter: ends with a slash"),
        (
            ("--parameter", "/a", "--owner", "self"),
            "--owner: has no effect with ParameterPath",
        ),
        (("--filter", "name=a"), "--filter: has no owner"),
        (("--owner", "amazom", "--filter", "name=a"), "--owner amazom: EC2 has no owner alias"),
        (("--owner", "self", "--filter", "nmae=a"), "--filter nmae=a: EC2 has no filter 'nmae'"),
        (("--owner", "self"), "--parameter or --filter: has no lookup"),
        (
            ("--owner", "self", "--filter", "name=a", "--exclude-name", "*"),
            "--exclude-name *: excludes every image",
        ),
        (
            ("--owner", "self", "--filter", "name=a", "--order-by", "release"),
            "--order-by: needs a Pattern",
        ),
        (
            ("--owner", "self", "--filter", "name=a", "--order-by", "newest"),
            "--order-by: ",
        ),
        (
            ("--owner", "self", "--filter", "name=a", "--release-pattern", "(a+)+"),
            "--release-pattern: ",
        ),
        (("--parameter", "/a", "--notes", "ftp://x"), "--notes: "),
    ],
)
def test_a_wrong_entry(lab: Lab, arguments: tuple[str, ...], sentence: str) -> None:
    """The rules are those of the files, and a problem names its option; no call is made."""
    result = lab.run(*arguments)
    as_json = json.loads(lab.run(*arguments, "--output", "json").stdout)

    assert result.exit_code == 2
    assert any(line.startswith(f"error: {sentence}") for line in result.stderr.splitlines())
    assert (as_json["schema"], as_json["ok"]) == (1, False)
    assert as_json["problems"][0]["line"] == 0
    assert lab.calls() == []


def test_invalid_files_are_refused(lab: Lab) -> None:
    """Entries of files need valid files; each problem is a line as by `check`."""
    (lab.folder / "regions.yaml").write_text("regions: []\n", encoding="utf-8")

    result = lab.run("by-filter")

    assert result.exit_code == 2
    assert result.stderr.startswith("error: regions.yaml:1: ")


def test_an_entry_of_no_file_needs_no_files(lab: Lab) -> None:
    """Without regions.yaml, the region is that of --region, which is required."""
    (lab.folder / "regions.yaml").unlink()
    entry = ("--parameter", "/aws/service/acme/linux/9/image_id")

    alone = lab.run(*entry, env={"AWS_DEFAULT_REGION": ""})
    there = lab.one(*entry, "--region", IRELAND)

    role = lab.one(*entry, "--region", IRELAND, "--external-id", "x", code=1)

    assert (alone.exit_code, there["region"]) == (2, IRELAND)
    assert role["account_id"] == "123456789012"
    assert "no region; use --regions or --region, or set AWS_REGION" in alone.stderr


def test_invalid_files_are_noted(lab: Lab) -> None:
    """They are not needed for an entry on the command line, and are not used."""
    (lab.folder / "regions.yaml").write_text("regions: []\n", encoding="utf-8")

    result = lab.run("--parameter", "/aws/service/acme/linux/9/image_id", "--region", IRELAND)

    assert (result.exit_code, f"in {IRELAND} of account" in result.stdout) == (0, True)
    assert result.stderr == (
        "note: regions.yaml and tracked_images are not used, since they have 1 problem(s); "
        "ami-tracker check prints them\n"
    )
