"""The adapter over SSM and EC2 only: the number of calls, their contents, and pages."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from support.builders.lookup import HERE, PATH, an_ami, by_name, image_id, listed, texts
from support.fakes.in_flight import one_at_a_time
from support.fakes.lookup import FactsBackend

from services.embedded.aws.server import EmbeddedAws
from services.kernel.errors import Failure
from services.kernel.hub_session import Client, HubSession
from services.kernel.model import Filter, FilterLookup, State
from services.kernel.sessions import TargetSessions
from services.lookup.responses import Ami, Matches, ParameterValue
from services.lookup.sources import Sources, read_role

PATHS = [f"{PATH}/{number:02}" for number in range(25)]


# --- over the embedded AWS


def test_one_session_serves_every_call_into_an_account(
    aws: EmbeddedAws, sources: Sources, cloud: FactsBackend
) -> None:
    """Every call after `AssumeRole` goes to the target itself, in the expected order."""
    cloud.put_parameter(HERE, PATH, image_id(1))
    sources.ensure_session(HERE)
    texts(sources.parameters(HERE, [PATH]))
    listed(sources.matching(HERE, [by_name()]))
    sources.images(HERE, [image_id(1)])
    calls = [(c.operation, c.account_id, c.region) for c in aws.calls()]
    where = (HERE.account_id, HERE.region)
    assert calls == [
        ("AssumeRole", "123456789012", "us-east-1"),
        ("GetParameters", *where),
        ("DescribeImages", *where),
        ("DescribeImages", *where),
    ]


@pytest.mark.parametrize("per_page", [1, 2, 5])
def test_all_pages_are_read(
    aws: EmbeddedAws, sources: Sources, cloud: FactsBackend, per_page: int
) -> None:
    """The newest image may be on the last page."""
    for number in range(1, 6):
        cloud.register(HERE, an_ami(number, day=number))
    aws.images_per_page = per_page
    try:
        found = listed(sources.matching(HERE, [by_name()]))[by_name()]
    finally:
        aws.images_per_page = None
    assert isinstance(found, list)
    assert {ami.image_id for ami in found} == {image_id(number) for number in range(1, 6)}
    assert cloud.requests("matching") == -(-5 // per_page)


def test_a_page_that_fails_fails_the_lookup(
    aws: EmbeddedAws, sources: Sources, cloud: FactsBackend
) -> None:
    """A partial list fails, because an older image could look like the newest in it."""
    for number in range(1, 4):
        cloud.register(HERE, an_ami(number))
    aws.images_per_page = 2
    first_page = {"operation": "DescribeImages", "when": "late", "times": 1}
    any_other = {"operation": "DescribeImages", "code": "UnauthorizedOperation", "status": 403}
    try:
        with aws.fault(**first_page), aws.fault(**any_other):
            found = listed(sources.matching(HERE, [by_name()]))[by_name()]
    finally:
        aws.images_per_page = None
    assert isinstance(found, Failure)
    assert cloud.requests("matching") == 2


def test_expired_credentials_are_renewed_once(
    aws: EmbeddedAws, sources: Sources, cloud: FactsBackend
) -> None:
    """The session is renewed, and the pair has no failure."""
    cloud.put_parameter(HERE, PATH, image_id(1))
    with aws.fault(service="ssm", code="ExpiredTokenException", times=1):
        assert texts(sources.parameters(HERE, [PATH])) == {PATH: image_id(1)}
    operations = [call.operation for call in aws.calls()]
    assert operations == ["AssumeRole", "GetParameters"] * 2


# --- over a fake network: requests as sent, and responses that moto does not give


class Refusal(Exception):  # noqa: N818 - an answer
    """An error response with a code, and a message if there is one."""


class Raw(io.BytesIO):
    """A body as botocore reads it."""

    def stream(self, **_: object) -> Iterator[bytes]:
        """Return the whole body at once."""
        yield self.read()


Answer = Callable[[Mapping[str, Any]], str]


@dataclass
class Wire:
    """Answers requests to SSM and EC2, and keeps each call's parameters and each request's form.

    A `rule` receives a call's parameters and returns its response, or raises `Refusal`.
    """

    rule: Answer = lambda _: ""
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    forms: list[dict[str, list[str]]] = field(default_factory=list)

    def names(self) -> list[int]:
        """Return the number of names in each `GetParameters` request."""
        return [len(params["Names"]) for name, params in self.asked if name == "GetParameters"]

    def note(self, params: dict[str, Any], model: Any, **_: object) -> None:  # noqa: ANN401 - botocore's
        """Keep the parameters of a call."""
        self.asked.append((model.name, params))

    def answer(self, request: AWSPreparedRequest, event_name: str, **_: object) -> AWSResponse:
        """Respond in place of the network."""
        operation = event_name.rpartition(".")[2]
        self.sent.append(operation)
        if operation == "DescribeImages":
            body = request.body if isinstance(request.body, bytes) else str(request.body).encode()
            self.forms.append(parse_qs(body.decode()))
        text, status = self._text(operation)
        return AWSResponse(request.url, status, {}, Raw(text.encode()))  # type: ignore[arg-type]

    def _text(self, operation: str) -> tuple[str, int]:
        if operation == "AssumeRole":
            return _session(), 200
        if operation == "GetCallerIdentity":
            identity = "<GetCallerIdentityResult/>"
            return f"<GetCallerIdentityResponse>{identity}</GetCallerIdentityResponse>", 200
        try:
            return self.rule(self.asked[-1][1]), 200
        except Refusal as refusal:
            code, message = refusal.args if len(refusal.args) > 1 else (refusal.args[0], "no")
            if operation == "GetParameters":
                return json.dumps({"__type": code, "message": message}), 400
            error = f"<Error><Code>{code}</Code><Message>no</Message></Error>"
            return f"<Response><Errors>{error}</Errors></Response>", 400


def _session() -> str:
    expiration = datetime.now(UTC) + timedelta(hours=1)
    return (
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId>"
        "<SecretAccessKey>made-up</SecretAccessKey><SessionToken>made-up</SessionToken>"
        f"<Expiration>{expiration.isoformat()}</Expiration>"
        "</Credentials></AssumeRoleResult></AssumeRoleResponse>"
    )


class WiredHome(HubSession):
    """A hub session whose clients are boto3's own and send their requests to a `Wire`."""

    def __init__(self, wire: Wire) -> None:
        super().__init__("us-east-1")
        self.wire = wire

    def _create(self, service: str, region: str, **credentials: str) -> Client:
        client = super()._create(service, region, **credentials)
        client.meta.events.register("before-parameter-build", self._note)
        client.meta.events.register("before-send", self._answer)
        return client

    def _note(self, **event: Any) -> None:  # noqa: ANN401 - botocore's
        self.wire.note(**event)

    def _answer(self, **event: Any) -> AWSResponse:  # noqa: ANN401 - botocore's
        return self.wire.answer(**event)


@pytest.fixture(scope="module")
def wired_home() -> WiredHome:
    """Build one hub session for the module, because service models take long to load."""
    return WiredHome(Wire())


@pytest.fixture
def wire(wired_home: WiredHome) -> Wire:
    """Return a fake network without earlier requests."""
    wired_home.wire = Wire()
    return wired_home.wire


@pytest.fixture
def wired(wired_home: WiredHome, wire: Wire) -> Sources:
    """Build sources with a session, whose requests all go to the fake network."""
    sessions = TargetSessions(wired_home, read_role("reader", "external", "us-east-1"))
    sources = Sources(sessions, in_flight=one_at_a_time())
    sources.ensure_session(HERE)
    wire.asked.clear()
    wire.sent.clear()
    return sources


def parameters(params: Mapping[str, Any]) -> str:
    """Build SSM's response in which every name is its own value."""
    found = [{"Name": name, "Value": name} for name in params["Names"]]
    return json.dumps({"Parameters": found, "InvalidParameters": []})


def images(*ids: str, token: str = "") -> str:
    """Build EC2's response with these images, which have no other attributes."""
    items = "".join(f"<item><imageId>{name}</imageId></item>" for name in ids)
    more = f"<nextToken>{token}</nextToken>" if token else ""
    body = f"<imagesSet>{items}</imagesSet>{more}"
    return f"<DescribeImagesResponse>{body}</DescribeImagesResponse>"


def refuse(code: str) -> Answer:
    """Build a rule that rejects every request."""

    def rule(_: Mapping[str, Any]) -> str:
        raise Refusal(code)

    return rule


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, []), (1, [1]), (10, [10]), (11, [10, 1]), (25, [10, 10, 5])],
)
def test_names_are_sent_in_tens(
    wire: Wire, wired: Sources, count: int, expected: list[int]
) -> None:
    """Each name is requested once, even if it is given twice."""
    wire.rule = parameters
    found = texts(wired.parameters(HERE, [*PATHS[:count], *PATHS[:count]]))
    assert found == {path: path for path in PATHS[:count]}
    assert wire.names() == expected


def test_a_rejected_name_does_not_affect_others(wire: Wire, wired: Sources) -> None:
    """SSM rejects the call, which is split in halves until the name is isolated; no other is."""
    bad = PATHS[3]

    def rule(params: Mapping[str, Any]) -> str:
        if bad in params["Names"]:
            code = "ValidationException"
            raise Refusal(code)
        return parameters(params)

    wire.rule = rule
    found = texts(wired.parameters(HERE, PATHS[:20]))
    problem = found.pop(bad)
    assert isinstance(problem, Failure)
    assert (problem.state, problem.code) == (State.BAD_LOOKUP, "ValidationException")
    assert found == {path: path for path in PATHS[:20] if path != bad}
    assert wire.names() == [10, 5, 2, 3, 1, 2, 1, 1, 5, 10]


@pytest.mark.parametrize(
    ("code", "state", "attempts"),
    [
        ("ThrottlingException", State.THROTTLED, 3),
        ("InternalServerError", State.TRANSIENT, 1),
        ("OptInRequired", State.REGION_DISABLED, 1),
        ("UnrecognizedClientException", State.REGION_DISABLED, 1),
    ],
)
def test_a_batch_that_the_target_denies_is_the_last(
    wire: Wire, wired: Sources, code: str, state: State, attempts: int
) -> None:
    """A failure of the whole target stops the requests for further batches."""
    wire.rule = refuse(code)
    found = texts(wired.parameters(HERE, PATHS))
    assert {
        path: (answer.state, answer.code)
        for path, answer in found.items()
        if isinstance(answer, Failure)
    } == dict.fromkeys(PATHS, (state, code))
    assert wire.sent.count("GetParameters") == attempts


def test_a_denied_region_gets_one_request(wire: Wire, wired: Sources) -> None:
    """An EC2 call for an id that does not exist shows whether the region denies all calls."""

    def rule(params: Mapping[str, Any]) -> str:
        denied = "AccessDeniedException" if "Names" in params else "UnauthorizedOperation"
        raise Refusal(denied)

    wire.rule = rule
    found = texts(wired.parameters(HERE, PATHS))
    states = {answer.state for answer in found.values() if isinstance(answer, Failure)}
    assert states == {State.ACCESS_DENIED}
    assert [name for name, _ in wire.asked] == ["GetParameters", "DescribeImages"]
    assert wire.asked[1][1]["Filters"] == [{"Name": "image-id", "Values": ["ami-00000000"]}]


SHARED = "arn:aws:ssm:eu-west-1:444455556666:parameter/golden/image"


def test_a_parameter_that_was_requested_by_arn_is_found_by_it(wire: Wire, wired: Sources) -> None:
    """SSM responds with the plain name, which may also be the name of another parameter."""
    values = {SHARED: image_id(1), "/golden/image": image_id(2)}
    own = SHARED.replace("444455556666", HERE.account_id)

    def rule(params: Mapping[str, Any]) -> str:
        found = [
            {"Name": "/golden/image", "ARN": SHARED if name == SHARED else own, "Value": value}
            for name, value in values.items()
            if name in params["Names"]
        ]
        return json.dumps({"Parameters": found, "InvalidParameters": []})

    wire.rule = rule
    assert texts(wired.parameters(HERE, [*values, "/none"])) == values | {"/none": None}
    assert texts(wired.parameters(HERE, [SHARED])) == {SHARED: image_id(1)}


def test_a_throttled_batch_is_the_last(wire: Wire, wired: Sources) -> None:
    """Values read before the throttled batch are returned; the names after it fail with it."""

    def rule(params: Mapping[str, Any]) -> str:
        if PATHS[10] in params["Names"]:
            code = "ThrottlingException"
            raise Refusal(code)
        return parameters(params)

    wire.rule = rule
    found = texts(wired.parameters(HERE, PATHS))
    assert [path for path, answer in found.items() if path == answer] == PATHS[:10]
    assert wire.names() == [10, 10]


def test_a_rejected_lookup_does_not_affect_others(wire: Wire, wired: Sources) -> None:
    """A filter that EC2 rejects is a failure of that lookup only."""

    def rule(params: Mapping[str, Any]) -> str:
        if params["Filters"][0]["Values"] == ["bad"]:
            code = "InvalidParameterValue"
            raise Refusal(code)
        return images(image_id(1))

    wire.rule = rule
    bad, good = by_name("bad"), by_name("good")
    found = listed(wired.matching(HERE, [bad, good]))
    assert isinstance(found[bad], Failure)
    assert found[good] == [Ami(image_id(1), state="")]


def _broken_token(params: Mapping[str, Any]) -> str:
    if "NextToken" in params:
        code = "InvalidPaginationToken"
        raise Refusal(code)
    return images(image_id(1), token="two")


BROKEN_LISTS: dict[str, Answer] = {
    "refused token": _broken_token,
    "the same token twice": lambda _: images(image_id(1), token="two"),
    "no XML": lambda _: "<DescribeImagesResponse>\x01</DescribeImagesResponse>",
}


@pytest.mark.parametrize("broken", BROKEN_LISTS.values(), ids=BROKEN_LISTS)
def test_a_broken_list_does_not_affect_other_lookups(
    wire: Wire, wired: Sources, broken: Answer
) -> None:
    """A broken list may break on every delivery, so it must not prevent other lookups."""

    def rule(params: Mapping[str, Any]) -> str:
        bad = params["Filters"][0]["Values"] == ["bad"]
        return broken(params) if bad else images(image_id(2))

    wire.rule = rule
    bad, good = by_name("bad"), by_name("good")
    found = listed(wired.matching(HERE, [bad, good]))
    problem = found[bad]
    assert isinstance(problem, Failure)
    assert problem.state is State.TRANSIENT
    assert found[good] == [Ami(image_id(2), state="")]


@pytest.mark.parametrize(
    "broken",
    [refuse("InvalidParameterValue"), *BROKEN_LISTS.values()],
    ids=["refused", *BROKEN_LISTS],
)
def test_an_image_id_that_fails_its_call_is_isolated(
    wire: Wire, wired: Sources, broken: Answer
) -> None:
    """The call is split in halves until the failing id is isolated."""
    ids = [image_id(number) for number in range(200)]

    def rule(params: Mapping[str, Any]) -> str:
        values = params["Filters"][0]["Values"]
        return broken(params) if {ids[7], ids[150]} & set(values) else images(*values)

    wire.rule = rule
    found = wired.images(HERE, ids)
    assert [name for name, each in found.items() if isinstance(each, Failure)] == [ids[7], ids[150]]
    assert set(found) == set(ids)


def test_images_that_all_fail_take_a_bounded_number_of_calls(wire: Wire, wired: Sources) -> None:
    """All images have the failure."""
    wire.rule = refuse("InvalidParameterValue")
    found = wired.images(HERE, [image_id(number) for number in range(200)])
    assert {each.code for each in found.values() if isinstance(each, Failure)} == {
        "InvalidParameterValue"
    }
    assert len(found) == 200
    assert len(wire.asked) < 40


@pytest.mark.parametrize("code", ["RequestLimitExceeded", "OptInRequired", "UnauthorizedOperation"])
def test_a_target_that_denies_one_lookup_gets_no_further_request(
    wire: Wire, wired: Sources, code: str
) -> None:
    """All lookups have the same failure."""
    wire.rule = refuse(code)
    found = listed(wired.matching(HERE, [by_name("a"), by_name("b")]))
    codes = [answer.code for answer in found.values() if isinstance(answer, Failure)]
    assert codes == [code] * 2
    assert [name for name, _ in wire.asked if name == "DescribeImages"] == ["DescribeImages"]


def test_the_request_has_the_whole_configuration(wire: Wire, wired: Sources) -> None:
    """The request has all filters and owners, deprecated images, and pages of a thousand."""
    wire.rule = lambda _: images()
    filters = (
        Filter("architecture", ("arm64", "x86_64")),
        Filter("name", ("RHEL-9.*_HVM-*", r"literal\*")),
        Filter("tag:Team", ("platform",)),
    )
    listed(wired.matching(HERE, [FilterLookup(filters, ("309956199498", "amazon"), ("*-BETA-*",))]))
    (_, params) = wire.asked[0]
    assert params == {
        "Filters": [
            {"Name": "architecture", "Values": ["arm64", "x86_64"]},
            {"Name": "name", "Values": ["RHEL-9.*_HVM-*", r"literal\*"]},
            {"Name": "tag:Team", "Values": ["platform"]},
            {"Name": "state", "Values": ["available"]},
        ],
        "Owners": ["309956199498", "amazon"],
        "IncludeDeprecated": True,
        "MaxResults": 1000,
    }


def test_no_owner_is_sent_where_none_is_configured(wire: Wire, wired: Sources) -> None:
    """An empty owner would match no images."""
    wire.rule = lambda _: images()
    listed(wired.matching(HERE, [by_name(owners=())]))
    (form,) = wire.forms
    assert [name for name in form if name.startswith("Owner")] == []
    assert form["IncludeDeprecated"] == ["true"]


def test_pages_are_followed_to_the_last_token(wire: Wire, wired: Sources) -> None:
    """An empty page need not be the last page."""
    pages = {
        None: images(image_id(1), token="two"),
        "two": images(token="three"),
        "three": images(image_id(3)),
    }
    wire.rule = lambda params: pages[params.get("NextToken")]
    found = listed(wired.matching(HERE, [by_name()]))[by_name()]
    assert found == [Ami(image_id(1), state=""), Ami(image_id(3), state="")]


def test_a_list_of_many_pages_is_read_whole(wire: Wire, wired: Sources) -> None:
    """The lookup reads all pages of a broad filter, with tens of thousands of images."""
    pages, size = 36, 1000

    def rule(params: Mapping[str, Any]) -> str:
        page = int(params.get("NextToken", 0))
        ids = [image_id(page * size + number) for number in range(size)]
        return images(*ids, token=str(page + 1) if page + 1 < pages else "")

    wire.rule = rule
    found = listed(wired.matching(HERE, [by_name()]))[by_name()]
    assert isinstance(found, list)
    assert len({ami.image_id for ami in found}) == pages * size


@pytest.mark.parametrize(
    ("count", "expected"), [(0, []), (1, [1]), (200, [200]), (201, [200, 1]), (401, [200, 200, 1])]
)
def test_image_ids_are_sent_in_two_hundreds(
    wire: Wire, wired: Sources, count: int, expected: list[int]
) -> None:
    """Ids are sent once each as values of a filter; ids without an image are None."""
    wire.rule = lambda params: images(params["Filters"][0]["Values"][0])
    ids = [image_id(number) for number in range(count)]
    found = wired.images(HERE, ids * 2)
    assert [len(params["Filters"][0]["Values"]) for _, params in wire.asked] == expected
    assert {params["Filters"][0]["Name"] for _, params in wire.asked} <= {"image-id"}
    assert set(found) == set(ids)
    assert len(expected) == sum(answer is not None for answer in found.values())


def test_images_are_described_in_any_state(wire: Wire, wired: Sources) -> None:
    """The state is part of the result, and deprecated images can be launched."""
    wire.rule = lambda _: images()
    wired.images(HERE, [image_id(1)])
    (_, params) = wire.asked[0]
    assert params["Filters"] == [{"Name": "image-id", "Values": [image_id(1)]}]
    assert params["IncludeDeprecated"] is True


def test_the_session_is_read_only() -> None:
    """The session policy limits the session to read operations, whatever the role allows."""
    role = read_role("ami-tracker-read", "external", "eu-west-1")
    allowed = ["ec2:DescribeImages", "ssm:GetParameters"]
    statement = {"Effect": "Allow", "Action": allowed, "Resource": "*"}
    assert role.policy == {"Version": "2012-10-17", "Statement": [statement]}
    assert role.session_name == "ami-tracker-lookup-eu-west-1"


DESCRIBED = """<item><imageId>ami-00000000000000001</imageId>
<imageOwnerId>602401143452</imageOwnerId>
<imageOwnerAlias>amazon</imageOwnerAlias><architecture>arm64</architecture><name>eks-v20260930</name>
<platformDetails>Linux/UNIX</platformDetails><rootDeviceName>/dev/xvda</rootDeviceName>
<rootDeviceType>ebs</rootDeviceType><description>not used</description><enaSupport>true</enaSupport>
<bootMode>uefi</bootMode><imdsSupport>v2.0</imdsSupport><tpmSupport>v2.0</tpmSupport>
<sourceImageId>ami-0000000000000000f</sourceImageId><sourceImageRegion>us-west-2</sourceImageRegion>
<deprecationTime>2028-11-21T18:00:00.000Z</deprecationTime><imageState>available</imageState>
<productCodes><item><productCode>abc</productCode><type>marketplace</type></item></productCodes>
<blockDeviceMapping><item><deviceName>/dev/xvda</deviceName><ebs><volumeSize>20</volumeSize></ebs>
</item></blockDeviceMapping></item>"""


def test_an_image_has_the_attributes_that_become_facts(wire: Wire, wired: Sources) -> None:
    """Other attributes are dropped, since a response can have thousands of images."""
    body = f"<imagesSet>{DESCRIBED}</imagesSet>"
    wire.rule = lambda _: f"<DescribeImagesResponse>{body}</DescribeImagesResponse>"
    ami = wired.images(HERE, [image_id(1)])[image_id(1)]
    assert isinstance(ami, Ami)
    assert ami.details == {
        "OwnerId": "602401143452",
        "ImageOwnerAlias": "amazon",
        "Architecture": "arm64",
        "PlatformDetails": "Linux/UNIX",
        "RootDeviceName": "/dev/xvda",
        "EnaSupport": True,
        "BootMode": "uefi",
        "ImdsSupport": "v2.0",
        "TpmSupport": "v2.0",
        "SourceImageId": "ami-0000000000000000f",
        "SourceImageRegion": "us-west-2",
        "DeprecationTime": "2028-11-21T18:00:00.000Z",
        "ProductCodes": [{"ProductCodeId": "abc", "ProductCodeType": "marketplace"}],
        "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 20}}],
    }


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2028-11-21T18:00:00.000Z", datetime(2028, 11, 21, 18, tzinfo=UTC)),
        ("2028-11-21T18:00:00+02:00", datetime(2028, 11, 21, 16, tzinfo=UTC)),
        ("2028-11-21T18:00:00", None),
        ("0001-01-01T00:00:00+02:00", None),
        ("soon", None),
        ("", None),
    ],
)
def test_an_invalid_deprecation_time_is_unknown(
    wire: Wire, wired: Sources, text: str, moment: datetime | None
) -> None:
    """The image can still be the current one."""
    described = DESCRIBED.replace("2028-11-21T18:00:00.000Z", text)
    body = f"<imagesSet>{described}</imagesSet>"
    wire.rule = lambda _: f"<DescribeImagesResponse>{body}</DescribeImagesResponse>"
    ami = wired.images(HERE, [image_id(1)])[image_id(1)]
    assert isinstance(ami, Ami)
    assert ami.deprecation_time == moment


def test_a_parameter_has_its_version_and_time(wire: Wire, wired: Sources) -> None:
    """The publisher's own time costs no further call."""
    found = {"Name": PATH, "Value": image_id(1), "Version": 7, "LastModifiedDate": 1795291200}
    wire.rule = lambda _: json.dumps({"Parameters": [found], "InvalidParameters": []})
    value = dict(wired.parameters(HERE, [PATH]))[PATH]
    assert isinstance(value, ParameterValue)
    assert value.modified is not None
    moment = value.modified.astimezone(UTC)
    assert (value.value, value.version) == (image_id(1), 7)
    assert moment == datetime(2026, 11, 21, 20, 0, tzinfo=UTC)


def test_the_pages_of_a_response_are_counted(wire: Wire, wired: Sources) -> None:
    """A filter that matches too much takes many pages, which is shown to people."""
    wire.rule = lambda params: images(token="" if params.get("NextToken") else "two")
    found = dict(wired.matching(HERE, [by_name()]))[by_name()]
    assert found == Matches([], 2)
