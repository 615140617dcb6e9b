"""Images of parameters that other accounts share, found by their ARN."""

from __future__ import annotations

from support.labs.laboratory import IRELAND, PUBLISHER, Lab, events_in

from services.kernel.model import Image, Kind, ParameterLookup

GOLDEN = "/images/golden"
OTHER = "333344445555"


def shared(name: str, arn: str) -> Image:
    """Build an image of a shared parameter, which is looked up only in its region."""
    return Image(name, ParameterLookup(arn), regions=frozenset({IRELAND.region}))


def test_parameters_of_two_owners_with_one_name_are_not_mixed_up(lab: Lab) -> None:
    """Each pair has the image of its own owner's parameter, and events name the right one."""
    first, second, own = (lab.publish(name) for name in ("a", "b", "golden"))
    for owner, image_id in ((PUBLISHER, first), (OTHER, second)):
        lab.aws.publishers.put_parameter(owner, IRELAND.region, GOLDEN, image_id)
    arns = [lab.aws.share_parameter(each, IRELAND.region, GOLDEN) for each in (PUBLISHER, OTHER)]
    lab.deploy(shared("a", arns[0]), shared("b", arns[1]), lab.image("golden"))
    lab.round()

    known = {pair.image_name: pair.known for pair in lab.pairs(IRELAND)}
    found = {name: image.image_id for name, image in known.items() if image}
    assert found == {"a": first, "b": second, "golden": own}

    new = lab.publish("b")
    lab.aws.publishers.put_parameter(OTHER, IRELAND.region, GOLDEN, new)
    assert events_in(lab.round()) == {(IRELAND.region, "b", Kind.RELEASE.value, new)}
    assert lab.releases(IRELAND, "b")[-1].about.parameter_version == 2


def test_a_parameter_is_found_once_it_is_shared(lab: Lab) -> None:
    """Until then, the pair is not_found."""
    image_id = lab.publish("a")
    arn = f"arn:aws:ssm:{IRELAND.region}:{OTHER}:parameter/images/private"
    lab.aws.publishers.put_parameter(OTHER, IRELAND.region, "/images/private", image_id)
    lab.deploy(shared("a", arn))
    lab.round()
    assert lab.pair(IRELAND, "a").state == "not_found"

    lab.aws.share_parameter(OTHER, IRELAND.region, "/images/private")
    lab.round()
    pair = lab.pair(IRELAND, "a")
    assert (pair.state, pair.known and pair.known.image_id) == ("ok", image_id)
