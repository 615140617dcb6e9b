"""The resolver of CloudFormation templates supports exactly the functions that ours use."""

from __future__ import annotations

import pytest
from support.aws.template import Resource, Stack, TemplateError, parse, resolve

TEMPLATE = """
Parameters:
  Name: {Type: String, AllowedPattern: "[a-z]+"}
  Regions: {Type: CommaDelimitedList, Default: "eu-west-1, us-east-1"}
  Fifo: {Type: String, Default: "false", AllowedValues: ["true", "false"]}
Conditions:
  IsFifo: !Equals [!Ref Fifo, "true"]
  IsPlain: !Not [!Equals [!Ref Fifo, "true"]]
  IsBoth: !And [!Equals [a, a], !Or [!Equals [a, b], !Equals [b, b]]]
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties: {RoleName: !Sub "${Name}-read"}
  RoleWithAPath:
    Type: AWS::IAM::Role
    Properties: {RoleName: !Sub "${Name}-read", Path: /team/}
  Policy:
    Type: AWS::IAM::ManagedPolicy
    Properties: {ManagedPolicyName: !Sub "${Name}-boundary"}
  Topic:
    Type: AWS::SNS::Topic
    Properties: {TopicName: !If [IsFifo, !Sub "${Name}.fifo", !Ref Name]}
  OnlyFifo:
    Type: AWS::SNS::Topic
    Condition: IsFifo
  Thing:
    Type: Test
    Properties:
      VALUE
"""
STACK = Stack("111122223333", "eu-west-1")


def thing(value: str, **given: str) -> dict[str, object]:
    """The resolved properties of a resource with these properties."""
    template = parse(TEMPLATE.replace("VALUE", value))
    return dict(resolve(template, {"Name": "ami", **given}, STACK)["Thing"].properties)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("A: !Ref Name", "ami"),
        ("A: {Ref: AWS::Region}", "eu-west-1"),
        ("A: !Ref Role", "ami-read"),
        ("A: !Ref Topic", "arn:aws:sns:eu-west-1:111122223333:ami"),
        ("A: !GetAtt Role.Arn", "arn:aws:iam::111122223333:role/ami-read"),
        ("A: !GetAtt RoleWithAPath.Arn", "arn:aws:iam::111122223333:role/team/ami-read"),
        ("A: !Ref Policy", "arn:aws:iam::111122223333:policy/ami-boundary"),
        ("A: {Fn::GetAtt: [Role, Arn]}", "arn:aws:iam::111122223333:role/ami-read"),
        ("A: !Sub '${AWS::Partition}/${Role.Arn}/${!Literal}'",
         "aws/arn:aws:iam::111122223333:role/ami-read/${Literal}"),
        ("A: !Sub ['${Own}-${Name}', {Own: !Ref AWS::AccountId}]", "111122223333-ami"),
        ("A: !Join ['-', [a, !Ref Name]]", "a-ami"),
        ("A: !Split [',', 'a,b']", ["a", "b"]),
        ("A: !Select [1, !Ref Regions]", "us-east-1"),
        ("A: !Ref Regions", ["eu-west-1", "us-east-1"]),
        ("A: !If [IsFifo, 1, 2]", 2),
        ("A: !If [IsPlain, 1, 2]", 1),
        ("A: !If [IsBoth, 1, 2]", 1),
        ("A: [1, !If [IsFifo, 2, !Ref AWS::NoValue], 3]", [1, 3]),
        ("A: {B: !Ref AWS::NoValue, C: {Condition: {Bool: x}}}",
         {"C": {"Condition": {"Bool": "x"}}}),
    ],
)  # fmt: skip
def test_functions(value: str, expected: object) -> None:
    """Each function returns the same value as in CloudFormation."""
    assert thing(value) == {"A": expected}


def test_conditions_exclude_resources() -> None:
    """A resource whose condition is false is not created."""
    template = parse(TEMPLATE.replace("VALUE", "A: 1"))

    plain = resolve(template, {"Name": "ami"}, STACK)
    fifo = resolve(template, {"Name": "ami", "Fifo": "true"}, STACK)

    assert list(plain) == ["Role", "RoleWithAPath", "Policy", "Topic", "Thing"]
    assert fifo["OnlyFifo"] == Resource("AWS::SNS::Topic", {})
    assert fifo["Topic"].properties == {"TopicName": "ami.fifo"}


@pytest.mark.parametrize(
    ("value", "given"),
    [
        pytest.param("A: !ImportValue x", {}, id="a function that is not used"),
        pytest.param("A: {Fn::ForEach: x, B: 1}", {}, id="a function with other members"),
        pytest.param("A: !GetAtt Role.RoleId", {}, id="an unsupported attribute"),
        pytest.param("A: !GetAtt Thing.Arn", {}, id="an unsupported type"),
        pytest.param("A: 1", {"Name": "AMI"}, id="a value that does not match the pattern"),
        pytest.param("A: 1", {"Fifo": "yes"}, id="a value that is not listed"),
        pytest.param("A: 1", {"Nmae": "ami"}, id="a parameter that does not exist"),
    ],
)
def test_unsupported_templates_are_refused(value: str, given: dict[str, str]) -> None:
    """A template with an unsupported element or an invalid parameter raises an error."""
    with pytest.raises(TemplateError):
        thing(value, **given)


def test_missing_parameter_is_named() -> None:
    """The error names a missing parameter without a default."""
    with pytest.raises(TemplateError, match="Name: is a parameter without a value"):
        resolve(parse(TEMPLATE.replace("VALUE", "A: 1")), {}, STACK)
