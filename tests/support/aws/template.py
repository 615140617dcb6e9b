"""Resolves CloudFormation templates as a deployment does, to read the deployed policies.

`resolve(parse(text), {...}, stack)` returns the resources whose conditions hold, with resolved
properties. An intrinsic function that our templates do not use raises an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

_VARIABLE = re.compile(r"\$\{([^!}][^}]*)\}")
_NO_VALUE = object()
_LIST = "CommaDelimitedList"


class TemplateError(Exception):
    """A template uses something unsupported, or a parameter is not valid."""

    def __init__(self, subject: object, problem: str) -> None:
        super().__init__(f"{subject}: {problem}")


@dataclass(frozen=True, slots=True)
class Stack:
    """Where a template is deployed."""

    account_id: str
    region: str
    partition: str = "aws"
    name: str = "stack"

    def pseudo(self) -> dict[str, object]:
        """The pseudo parameters."""
        return {
            "AWS::AccountId": self.account_id,
            "AWS::NoValue": _NO_VALUE,
            "AWS::Partition": self.partition,
            "AWS::Region": self.region,
            "AWS::StackName": self.name,
            "AWS::URLSuffix": "amazonaws.com",
        }


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of a stack: its type, and its resolved properties."""

    kind: str
    properties: Mapping[str, Any]


def resolve(
    template: Mapping[str, Any], parameters: Mapping[str, str], stack: Stack
) -> dict[str, Resource]:
    """The resources that a template creates with these parameters, by logical id.

    Raises:
        TemplateError: a parameter is missing or not valid, or a function is not supported.
    """
    return _Resolver(template, parameters, stack).resources()


def parse(text: str) -> dict[str, Any]:
    """Parse a template; short forms (`!Ref`) become long forms (`{"Ref": …}`)."""
    document: dict[str, Any] = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    return document


class _Loader(yaml.SafeLoader):
    pass


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, object]:
    name = suffix if suffix == "Ref" else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value: object = loader.construct_scalar(node)
        if name == "Fn::GetAtt":
            value = str(value).split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type] # the only other kind of node
    return {name: value}


_Loader.add_multi_constructor("!", _short_form)


@dataclass
class _Resolver:
    template: Mapping[str, Any]
    given: Mapping[str, str]
    stack: Stack
    values: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        declared = self.template.get("Parameters", {})
        if unknown := sorted(set(self.given) - set(declared)):
            raise TemplateError(unknown, "no such parameters")
        self.values = {name: _value(name, declared[name], self.given) for name in declared}
        self.values |= self.stack.pseudo()

    def resources(self) -> dict[str, Resource]:
        found = {
            name: raw
            for name, raw in self.template["Resources"].items()
            if "Condition" not in raw or self.condition(raw["Condition"])
        }
        return {
            name: Resource(raw["Type"], self.of(raw.get("Properties", {})))
            for name, raw in found.items()
        }

    def condition(self, name: str) -> bool:
        return bool(self.of(self.template["Conditions"][name]))

    def of(self, raw: Any) -> Any:  # noqa: ANN401 - whatever a template holds
        if isinstance(raw, list):
            found = [self.of(each) for each in raw]
            return [each for each in found if each is not _NO_VALUE]
        if not isinstance(raw, dict):
            return raw
        if len(raw) == 1 and (name := next(iter(raw))) in _FUNCTIONS:
            return _FUNCTIONS[name](self, raw[name])
        if unknown := [name for name in raw if str(name).startswith("Fn::")]:
            raise TemplateError(unknown, "are functions that are not supported")
        members = {name: self.of(value) for name, value in raw.items()}
        return {name: value for name, value in members.items() if value is not _NO_VALUE}

    def reference(self, name: str) -> object:
        if name in self.values:
            return self.values[name]
        return self.attribute(name, "Ref")

    def attribute(self, name: str, attribute: str) -> str:
        """The value of a resource's attribute, or of `Ref`."""
        raw = self.template["Resources"][name]
        known = _ATTRIBUTES.get((raw["Type"], attribute))
        if known is None:
            raise TemplateError(f"{name}.{attribute}", "is not a supported attribute")
        own = {key: self.of(raw["Properties"].get(key, "")) for key in _NAMES}
        path = self.of(raw["Properties"].get("Path", "/"))
        return known.format(logical=name, path=path, **own, **_where(self.stack))


def _where(stack: Stack) -> dict[str, str]:
    return {"p": stack.partition, "region": stack.region, "account": stack.account_id}


_NAMES = ("ManagedPolicyName", "RoleName", "TopicName")
_ATTRIBUTES = {
    ("AWS::IAM::ManagedPolicy", "Ref"): "arn:{p}:iam::{account}:policy{path}{ManagedPolicyName}",
    ("AWS::IAM::Role", "Ref"): "{RoleName}",
    ("AWS::IAM::Role", "Arn"): "arn:{p}:iam::{account}:role{path}{RoleName}",
    ("AWS::SNS::Topic", "Ref"): "arn:{p}:sns:{region}:{account}:{TopicName}",
    ("AWS::SNS::Topic", "TopicArn"): "arn:{p}:sns:{region}:{account}:{TopicName}",
    ("AWS::KMS::Key", "Ref"): "{logical}",
    ("AWS::KMS::Key", "Arn"): "arn:{p}:kms:{region}:{account}:key/{logical}",
}


def _value(name: str, declared: Mapping[str, Any], given: Mapping[str, str]) -> object:
    if name not in given and "Default" not in declared:
        raise TemplateError(name, "is a parameter without a value")
    text = str(given.get(name, declared.get("Default", "")))
    values = [v.strip() for v in text.split(",")] if declared["Type"] == _LIST else [text]
    for value in values:
        if not re.fullmatch(declared.get("AllowedPattern", ".*"), value):
            raise TemplateError(
                f"{name}={value!r}", "does not match the parameter's AllowedPattern"
            )
        if value not in declared.get("AllowedValues", [value]):
            raise TemplateError(f"{name}={value!r}", "is not in the parameter's AllowedValues")
    if declared["Type"] == _LIST:
        return values
    return text


def _sub(resolver: _Resolver, argument: Any) -> str:  # noqa: ANN401 - a text, or a text and a map
    text, own = argument if isinstance(argument, list) else (argument, {})

    def replaced(match: re.Match[str]) -> str:
        name = match[1].strip()
        if name in own:
            return str(resolver.of(own[name]))
        logical, _, attribute = name.partition(".")
        found = resolver.attribute(logical, attribute) if attribute else resolver.reference(name)
        return str(found)

    return _VARIABLE.sub(replaced, text).replace("${!", "${")


def _if(resolver: _Resolver, argument: list[Any]) -> Any:  # noqa: ANN401 - either branch
    name, then, otherwise = argument
    return resolver.of(then if resolver.condition(name) else otherwise)


def _equals(resolver: _Resolver, argument: list[Any]) -> bool:
    left, right = map(resolver.of, argument)
    return bool(left == right)


def _join(resolver: _Resolver, argument: list[Any]) -> str:
    separator, parts = argument
    return str(separator).join(map(str, resolver.of(parts)))


def _split(resolver: _Resolver, argument: list[Any]) -> list[str]:
    separator, text = argument
    return str(resolver.of(text)).split(separator)


def _select(resolver: _Resolver, argument: list[Any]) -> Any:  # noqa: ANN401 - a member of a list
    return resolver.of(argument[1])[int(argument[0])]


_FUNCTIONS: Mapping[str, Callable[[_Resolver, Any], Any]] = {
    "Fn::And": lambda resolver, argument: all(map(resolver.of, argument)),
    "Fn::Equals": _equals,
    "Fn::GetAtt": lambda resolver, argument: resolver.attribute(*argument),
    "Fn::If": _if,
    "Fn::Join": _join,
    "Fn::Not": lambda resolver, argument: not resolver.of(argument[0]),
    "Fn::Or": lambda resolver, argument: any(map(resolver.of, argument)),
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::Sub": _sub,
    "Ref": lambda resolver, argument: resolver.reference(argument),
}
