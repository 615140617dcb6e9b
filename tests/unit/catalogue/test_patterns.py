"""Which release patterns are accepted, and the message for each mistake."""

# ruff: noqa: E501 - a table reads best with one case in a line

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.catalogue.pattern_parser import PatternError, parse
from services.catalogue.pattern_tree import ALPHABET
from services.catalogue.patterns import pattern_mistake

# fmt: off
FAMILIES = [
    r"^al2023-ami-(?P<release>2023\.\d+\.\d{8})\.\d+-kernel-",
    r"^amzn2-ami-(?:minimal-)?(?:kernel-5\.10-)?hvm-2\.0\.(?P<release>\d{8})(?:\.\d+)?-",
    r"-ecs-.*hvm-(?:2023\.0|2\.0)\.(?P<release>\d{8})-",
    r"-v(?P<release>\d{8})$",
    r"-(?P<release>\d{4}\.\d{2}\.\d{2})$",
    r"-v(?P<release>\d+\.\d+\.\d+)-[0-9a-f]{8}$",
    r"-(?P<release>\d{8}(?:\.\d+)?)$",
    r"-(?P<release>\d{8}-\d+)$",
    r"^RHEL-(?P<release>\d+\.\d+(?:\.\d+)?_HVM(?:_GA)?-\d{8})-",
    r"-v(?P<release>\d{8})-",
    r"-EC2-Base-(?P<release>\d+\.\d+-\d{8}\.\d+)\.",
    r"^AlmaLinux OS (?P<release>\d+\.\d+\.\d{8}(?:\.\d+)?) ",
    r" (?P<release>\d{8})$",
    r"-(?P<release>\d+-[\d.]+)$",
    r"^fedora-coreos-(?P<release>[\d.]+)-",
    r"-(?P<release>\d+\.\d+\.\d+)(?:-arm64)?-hvm$",
    r"^FreeBSD (?P<release>\d+\.\d+)-RELEASE-",
    r"^amzn-ec2-macos-(?P<release>[\d.]+-\d{8}-\d{6})",
    r"-HVM-(?P<release>\d{4}-\d{2}-\d{2})$",
    r"^talos-(?P<release>v\d+\.\d+\.\d+)-",
    r"-amd64-(?P<release>[\d.]+)-",
    r"^al2023-ami-(?P<release>2023\.\d+\.\d{8})\.\d+-kernel-[\d.]+-(?:x86_64|arm64)$",
    r"^al2023-ami-minimal-(?P<release>2023\.\d+\.\d{8})\.\d+-kernel-[\d.]+-(?:x86_64|arm64)$",
    r"^al2027-preview-ami-(?:minimal-)?(?P<release>2027\.\d+\.\d{8})\.\d+-kernel-[\d.]+-(?:x86_64|arm64)$",
    r"^amzn2-ami-(?:minimal-)?(?:kernel-5\.10-)?hvm-2\.0\.(?P<release>\d{8})(?:\.\d+)?-(?:x86_64|arm64)-(?:gp2|ebs)$",
    r"^(?:al2023-ami-ecs-(?:gpu-|neuron-)?hvm-2023\.0|amzn2-ami-ecs-(?:kernel-5\.10-)?(?:gpu-|inf-)?hvm-2\.0)\.(?P<release>\d{8})-(?:kernel-[\d.]+-)?(?:x86_64|arm64)(?:-ebs)?$",
    r"^(?:TPM-)?Windows_Server-\d{4}-[A-Za-z_]+-(?:Full|Core)-[A-Za-z0-9_]+-(?P<release>\d{4}\.\d{2}\.\d{2})$",
    r"^Windows_Server-\d{4}-English-(?:Full|Core)-EKS_Optimized-1\.\d+-(?P<release>\d{4}\.\d{2}\.\d{2})$",
    r"^amazon-eks-node-al2023-(?:x86_64|arm64)-(?:standard|nvidia(?:-\d+)?|neuron)-1\.\d+-v(?P<release>\d{8})$",
    r"^amazon-eks-(?:arm64-|gpu-)?node-1\.\d+-v(?P<release>\d{8})$",
    r"^bottlerocket-aws-(?:k8s-1\.\d+|ecs-\d+)(?:-nvidia)?(?:-fips)?-(?:x86_64|aarch64)-v(?P<release>\d+\.\d+\.\d+)-[0-9a-f]{8}$",
    r"^ubuntu(?:-minimal|-pro-server|-pro-minimal|-eks|-eks-pro)?/(?:k8s_1\.\d+/)?images/hvm-ssd(?:-gp3)?/ubuntu-[a-z]+-\d\d\.\d\d-(?:amd64|arm64)-[a-z-]+-(?P<release>\d{8}(?:\.\d+)?)$",
    r"^debian-(?:12|13)-(?:amd64|arm64)-(?P<release>\d{8}-\d+)$",
    r"^RHEL-(?P<release>\d+\.\d+(?:\.\d+)?_HVM(?:_GA)?-\d{8})-(?:x86_64|arm64)-\d+-(?:Hourly2|Access2)-GP[23]$",
    r"^suse-sles-1[56](?:-sp\d+|-\d+)-v(?P<release>\d{8})-hvm-ssd-(?:x86_64|arm64)$",
    r"^Rocky-\d+-EC2-Base-(?P<release>\d+\.\d+-\d{8}\.\d+)\.(?:x86_64|aarch64)$",
    r"^AlmaLinux OS (?P<release>\d+\.\d+\.\d{8}(?:\.\d+)?) (?:x86_64|aarch64)$",
    r"^CentOS Stream \d+ (?:x86_64|aarch64) (?P<release>\d{8})$",
    r"^Fedora-Cloud-Base-AmazonEC2\.(?:x86_64|aarch64)-(?P<release>\d+-[\d.]+)$",
    r"^fedora-coreos-(?P<release>\d+\.\d{8}\.3\.\d+)-(?:x86_64|aarch64)$",
    r"^Flatcar-(?:stable|lts|beta|alpha)-(?P<release>\d+\.\d+\.\d+)(?:-arm64)?-hvm$",
    r"^FreeBSD (?P<release>\d+\.\d+)-RELEASE-(?:amd64|arm64)(?: UEFI-PREFERRED| UEFI| BIOS)?(?: (?:base|cloud-init|small|builder))?(?: (?:UFS|ZFS))?$",
    r"^Deep Learning .*\) (?P<release>\d{8})$",
    r"^OL\d+\.\d+-(?:x86_64|aarch64|arm64)-HVM-(?P<release>\d{4}-\d{2}-\d{2})$",
    r"^kali-last-snapshot-amd64-(?P<release>\d{4}\.\d+\.\d+)-[0-9a-f-]{36}$",
]
"""Patterns for names of Amazon Linux, ECS, EKS, Windows, Bottlerocket, Ubuntu and other publishers."""

ACCEPTED = [
    r"(?:^|-)(?P<release>\d+)(?:-|$)",
    r"\A(?P<release>\d+)\Z",
    r"^(?P<release>(?P<major>\d+)\.(?P<minor>\d+))",
    r"^x(?:-beta)?-(?P<release>[]a^-]+)",
    r"(?P<release>[^]]+)",
    r"(?P<release>a{3}b{1,}c{0,1}?)",
    r"(?P<release>(?:ab){2,5})",
    r"(?P<release>\(\[\.\/\-\'\@\_\ )",
    r"^a|^(?P<release>b)",
    "(?P<release>" + "(?:" * 18 + "a" + ")" * 18 + ")",
]

REFUSED = [
    ("", "has no group release; write (?P<release>…) around the release in the AMI name"),
    (r"-v(\d+)$", "has no group release; write (?P<release>…)"),
    (r"(?P<version>\d+)(?P<build>x)", "has no group release (it has version, build); write (?P<release>…)"),
    (r"(?P<Release>\d+)", "has the group Release; did you mean release?"),
    (r"(?P<relase>\d+)", "has the group relase; did you mean release?"),
    ("(?P<release>)", "has the group release, which is always empty; put the release into it"),
    ("x(?P<release>^|$)", "contains ^ inside, which matches only at the beginning; remove it"),
    ("^(?P<release>$)", "has the group release, which is always empty"),
    (r"(?<release>\d+)", "contains (?<release>, the syntax of other tools; write (?P<release>"),
    (r"(?'release'\d+)", "contains (?'release', the syntax of other tools; write (?P<release>"),
    (r"(?P<re-lease>\d+)", "contains (?P, which is not supported there; write (?P<name>…) or (?:…)"),
    (r"(?P<1>\d+)", "contains (?P, which is not supported there"),
    (r"(?P<release>\d+)(?P<release>a)", "is not a regular expression: redefinition of group name 'release'"),
    (r"(?P<release>\d+", r"has a ( that is not closed; add ), or write \( for a parenthesis"),
    (r"(?P<release>\d+))", r"has a ) without a (; remove it, or write \) for a parenthesis"),
    (r"(?P<release>[\d+)", r"has a [ that is not closed; add ], or write \[ for a bracket"),
    (r"(?P<release>[[:digit:]]+)", r"has a [ in [[:digit:]; write \[, or \d for [:digit:]"),
    (r"(?P<release>[a--b])", "repeats a sign in [a--b]; write it once"),
    (r"(?P<release>[z-a])", "contains [z-a], which is not correct: bad character range z-a"),
    (r"(?P<release>[^\d\D])", r"contains [^\d\D], which matches no character"),
    (r"(?P<release>[\n])", r"contains \n, which is not supported; write \d, \w, \s"),
    (r"(?P<release>\p{Digit})", r"contains \p, which is not supported; write \d, \w, \s"),
    (r"(?P<release>\d+)\b", r"contains \b, which is not supported; write the character there, such as -"),
    (r"(?P<release>\d+)\1", r"contains the back reference \1, which is not supported; write the text itself"),
    (r"(?P<release>\d+)(?P=release)", "contains the back reference (?P=…), which is not supported"),
    (r"(?P<release>\d+)(?=-)", "contains (?=…), which is not supported; write the text itself, outside of the group release"),
    (r"(?<=-)(?P<release>\d+)", "contains (?<=…), which is not supported"),
    (r"(?P<release>\d+)(?!x)", "contains (?!…), which is not supported"),
    (r"(?P<release>\d+)(?(1)a|b)", "contains the condition (?(…), which is not supported; write alternatives"),
    (r"(?i)(?P<release>\d+)", "contains the flags (?i); write both cases instead, such as [Aa]"),
    (r"(?i:a)(?P<release>\d+)", "contains the flags (?i:; write both cases"),
    (r"(?#date)(?P<release>\d+)", "contains the comment (?#…); write comments after # in the YAML file"),
    (r"(?>a)(?P<release>\d+)", "contains (?, which is not supported there"),
    (r"(?P<release>\d++)", "has two quantifiers in a row after +; keep one"),
    (r"(?P<release>\d{2}{3})", "has two quantifiers in a row after {2}; keep one"),
    (r"(?P<release>\d{8,4})", "has {8,4}; write {n} or {n,m}, with n not above m"),
    (r"(?P<release>\d{0})", "has {0}; write {n} or {n,m}"),
    (r"(?P<release>\d{200})", "has {200}; write {n} or {n,m}, with n not above m, and m from 1 to 128"),
    (r"(?P<release>\d{,8})", "contains a brace; write (?P<release>…) for a group"),
    ("al2023-ami-{release}-*", "contains a brace; write (?P<release>…) for a group ({release} is for Notes)"),
    ("*-(?P<release>a)", "has nothing before *; write .* for any characters"),
    ("^*(?P<release>a)", "repeats ^; remove *"),
    ("RHEL-$release", "contains $ inside, which matches only at the end; remove it"),
    ("(?P<release>a)^b", "contains ^ inside, which matches only at the beginning; remove it"),
    ("(?:(?P<release>a)$)?", "contains $ inside"),
    ("<release>", "contains '<', which no AMI name contains; remove it"),
    ("(?P<release>%s)", "contains '%', which no AMI name contains"),
    (r"a\+(?P<release>b)", "contains '+', which no AMI name contains"),
    ("(?P<release>ä)", "contains 'ä', which no AMI name contains"),
    ("(?P<release>a)\n", "contains '\\n', which no AMI name contains"),
    ("(?P<release>a)\\", "ends with a backslash; remove it"),
    (r"(?P<release>(?:a+)+)", "repeats the group (?:a+), which contains a quantifier or alternatives; repeat characters instead"),
    (r"(?P<release>(?:a|b)*)", "repeats the group (?:a|b), which contains"),
    (r"(?P<release>\d+(?:\.\d+)*)", r"repeats the group (?:\.\d+), which contains"),
    (r"(?P<release>(a?){20})", "repeats the group (a?), which contains"),
    (r"(?P<release>(?:a(?:b|c)){2})", "repeats the group (?:a(?:b|c)), which contains"),
    (r"(?P<release>a(?:)*)", "repeats the group (?:), which contains"),
    (r"^amzn-ec2-macos-(?P<release>\d+(?:\.\d+)*-\d{8}-\d{6})", r"repeats the group (?:\.\d+)"),
    (r"^talos-(?P<release>v\d+\.\d+\.\d+)-[a-z]{2}(?:-[a-z]+)+-\d-", "repeats the group (?:-[a-z]+)"),
    ("(?P<release>.*)(.*)x", "can need more than 100,000 attempts with a long name; begin it with ^, replace .* by"),
    ("^(?P<release>" + "(?:a|ab)" * 22 + ")c", "can need more than 100,000 attempts with a long name; replace .* by"),
    ("(" * 200, "nests groups more than 20 levels deep"),
]
# fmt: on


@pytest.mark.parametrize("pattern", [*FAMILIES, *ACCEPTED])
def test_a_useful_pattern_is_accepted(pattern: str) -> None:
    """Patterns for the names of publishers' images need no more than the accepted syntax."""
    assert pattern_mistake(pattern) is None


@pytest.mark.parametrize(("pattern", "says"), REFUSED)
def test_a_mistake_has_one_sentence(pattern: str, says: str) -> None:
    """The sentence has the mistake and what to write."""
    assert (pattern_mistake(pattern) or "")[: len(says)] == says


@given(st.text(st.sampled_from("ab1-.*+?{}(),|[]^$\\dwsP<>:=!release"), max_size=40))
def test_any_text_is_accepted_or_explained(pattern: str) -> None:
    """What is accepted is a regular expression for Python too, without a warning."""
    mistake = pattern_mistake(pattern)

    if mistake is None:
        assert "release" in re.compile(pattern).groupindex
    else:
        assert mistake.isprintable()


@given(st.text(st.sampled_from("ab1-.*+?{2,}()|[]^$\\dwsP<>:"), max_size=30))
def test_what_is_parsed_compiles(pattern: str) -> None:
    """The own parser accepts nothing that Python refuses, apart from names of groups."""
    try:
        parse(pattern)
    except PatternError:
        return
    try:
        re.compile(pattern)
    except re.error as error:
        assert "group name" in error.msg  # noqa: PT017 - the text decides


@pytest.mark.slow
def test_the_alphabet_has_a_character_of_each_kind() -> None:
    """Every other character behaves as one of the alphabet in all atoms."""
    kinds = [re.compile(text) for text in (r"\d", r"\w", r"\s", ".")]

    def kind(character: str) -> tuple[bool, ...]:
        return tuple(text.fullmatch(character) is not None for text in kinds)

    assert {kind(chr(code)) for code in range(0x110000)} == set(map(kind, ALPHABET))
