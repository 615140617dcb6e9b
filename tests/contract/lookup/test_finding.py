"""Finding calls only read operations."""

from __future__ import annotations

from support.builders.lookup import HERE, PATH, a_pair, an_ami, by_name, image_id
from support.fakes.log import FakeLog
from support.fakes.lookup import FactsBackend

from services.embedded.aws.server import EmbeddedAws
from services.kernel.errors import Failure
from services.kernel.model import Observation, ParameterLookup
from services.lookup.find import Finder
from services.lookup.sources import Sources

READS = {("sts", "AssumeRole"), ("ssm", "GetParameters"), ("ec2", "DescribeImages")}


def test_finding_makes_no_write(aws: EmbeddedAws, sources: Sources, cloud: FactsBackend) -> None:
    """New, changed, missing and unchanged images are found by read operations only."""
    cloud.register(HERE, an_ami(1))
    cloud.register(HERE, an_ami(2))
    cloud.put_parameter(HERE, PATH, image_id(2))
    known = Observation(image_id(1))
    pairs = {
        "new": a_pair("new", lookup=ParameterLookup(PATH)),
        "changed": a_pair("changed", lookup=ParameterLookup(PATH), version=1, known=known),
        "missing": a_pair("missing", lookup=ParameterLookup("/missing")),
        "filtered": a_pair("filtered", lookup=by_name()),
    }
    mark = aws.mark()

    found = {name: it.answer for name, it in Finder(sources, FakeLog()).find(HERE, pairs)}

    assert {(call.service, call.operation) for call in aws.calls(mark)} == READS
    assert isinstance(found.pop("missing"), Failure)
    assert all(isinstance(each, Observation) for each in found.values())
    assert len(found) == 3
