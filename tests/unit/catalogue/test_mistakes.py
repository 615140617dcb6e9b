"""A table of wrong and unusual ways to write the configuration, with verdict and message."""

# ruff: noqa: E501 - a table reads best with one case in a line

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from services.catalogue.load import ConfigurationError, read_configuration

Write = Callable[..., tuple[Path, Path]]

PATH = "/aws/service/debian/release/12/latest/amd64"
REGIONS = 'AccountId: "111122223333"\nregions:\n  - Name: us-east-1\n  - Name: eu-west-1\n'
ARN = "arn:aws:ssm:eu-west-1:999988887777:parameter/a"
TWO_ACCOUNTS = REGIONS.removesuffix("\n") + "\n    AccountId: '222233334444'\n"
KEY = "-v(?P<release>[0-9.]+)$"
NBSP = "\u00a0"


@dataclass(frozen=True)
class Case:
    """A configuration, its verdict, and the line of its message (without its folder).

    A case of the verdict `ok` has no line.
    """

    name: str
    verdict: str
    line: str
    images: str = field(repr=False, default=f"images:\n  - Name: a\n    ParameterPath: {PATH}\n")
    regions: str = field(repr=False, default=REGIONS)


def image(*lines: str) -> str:
    """Build an images file with one image, whose fields start in line 3."""
    return "\n".join(["images:", "  - Name: a", *(f"    {line}" for line in lines), ""])


def path(text: str) -> str:
    """Build an image with a parameter, in line 3."""
    return image(f"ParameterPath: {text}")


def a_filter(name: str, values: str) -> str:
    """Build an image with two filters; the second has its name in line 5, values in 6."""
    return image(
        "Owners: [self]",
        "Filters:",
        f"  - Name: {name}",
        f"    Values: {values}",
        "  - {Name: architecture, Values: [x86_64]}",
    )


def named(values: str) -> str:
    """Build an image with a filter for names, in line 6."""
    return a_filter("name", values)


def owned(owners: str) -> str:
    """Build an image with owners, in line 3."""
    return image(f"Owners: {owners}", "Filters: [{Name: name, Values: [a-x86_64-*]}]")


def ordered(*lines: str) -> str:
    """Build an image with a filter, and with other fields from line 5."""
    return image("Owners: [self]", "Filters: [{Name: name, Values: [a-x86_64-*]}]", *lines)


def older(text: str) -> str:
    """Build an image with an owner and filters as text, in line 4."""
    return image("Owners: [self]", f"Filters: {text}")


def watched(*lines: str) -> str:
    """Build a regions file, whose entries start in line 3."""
    return "\n".join(
        ['AccountId: "111122223333"', "regions:", *(f"  {line}" for line in lines), ""]
    )


AT_PATH = "images.yaml:3: a: ParameterPath: "
AT_NAME = "images.yaml:5: a: Filters[0].Name: "
AT_VALUE = "images.yaml:6: a: Filters[0].Values[0]: "
AT_OWNER = "images.yaml:3: a: Owners[0]: "

# fmt: off
PARAMETERS = [
    Case("path: sound", "ok", "", path(PATH)),
    Case("path: at the root", "ok", "", path("golden-ami")),
    Case("path: no slash at the beginning", "error", f"{AT_PATH}begins without a slash; write '{PATH}'", path(PATH[1:])),
    Case("path: slash at the end", "error", f"{AT_PATH}ends with a slash, so it is only a path", path(PATH + "/")),
    Case("path: a lone slash", "error", f"{AT_PATH}ends with a slash, so it is only a path", path("/")),
    Case("path: two slashes", "error", f"{AT_PATH}contains two slashes in a row; write '/a/b'", path("/a//b")),
    Case("path: two slashes at the beginning", "error", f"{AT_PATH}contains two slashes in a row; write '/a/b'", path("//a/b")),
    Case("path: space at the end, in quotes", "error", f"{AT_PATH}begins or ends with a space; write '/a'", path("'/a '")),
    Case("path: space at the end, no quotes", "ok", "", path("/a ")),
    Case("path: space inside", "error", f"{AT_PATH}contains a space, which is not allowed in a parameter's name", path("/a b")),
    Case("path: line end inside", "error", f"{AT_PATH}contains a space, which is not allowed in a parameter's name", path('"/a\\nb"')),
    Case("path: public ARN", "error", f"{AT_PATH}is the ARN of a public parameter; write its name, '{PATH}', which is read in each watched account", path(f"arn:aws:ssm:us-east-1::parameter{PATH}")),
    Case("path: ARN of something else", "error", f"{AT_PATH}is an ARN of 's3'; write a parameter's name, or arn:aws:ssm:REGION:ACCOUNT:parameter/NAME", path("arn:aws:s3:::a")),
    Case("path: resolve:ssm:", "error", f"{AT_PATH}contains resolve:ssm, the syntax of other tools; write the parameter's name: '/a'", path("resolve:ssm:/a")),
    Case("path: CloudFormation reference", "error", f"{AT_PATH}contains {{{{, the syntax of other tools; write the parameter's name: '/a'", path("'{{resolve:ssm:/a}}'")),
    Case("path: reference in braces, no quotes", "error", "images.yaml:3: a: ParameterPath: a key must be text; put a value that begins with {{ in quotes", path("{{a}}")),
    Case("path: version", "error", f"{AT_PATH}ends with the version :42, whose value never changes; write '/a'", path("/a:42")),
    Case("path: label", "error", f"{AT_PATH}ends with the label :production, and labels are not supported; write '/a'", path("/a:production")),
    Case("path: Terraform variable", "error", f"{AT_PATH}contains the placeholder '${{var.v}}'", path("/a/${var.v}/b")),
    Case("path: angle brackets", "error", f"{AT_PATH}contains the placeholder '<sku>'", path("/a/<sku>/b")),
    Case("path: shell variable", "error", f"{AT_PATH}contains the placeholder '$VERSION'", path("/a/$VERSION")),
    Case("path: wildcard", "error", f"{AT_PATH}contains a wildcard, which is not supported", path("/a/*")),
    Case("path: umlaut", "error", f"{AT_PATH}contains 'ä', which is not allowed in a parameter's name", path("/ä")),
    Case("path: URL", "error", f"{AT_PATH}contains ':', which is not allowed in a parameter's name", path("https://a/b")),
    Case("path: too long", "error", f"{AT_PATH}is 1012 characters long; at most 1011 are allowed", path("/" + "a" * 1011)),
    Case("path: empty", "error", f"{AT_PATH}is not a parameter's name; write one such as", path("''")),
    Case("path: null", "error", f"{AT_PATH}is empty, but must be text", path("")),
    Case("path: list", "error", f"{AT_PATH}is a list, but must be text", path("[/a]")),
    Case("path: key in lower case", "error", "images.yaml:3: a: parameterpath: unknown key; did you mean ParameterPath?", image("parameterpath: /a")),
    Case("path: key with an underscore", "error", "images.yaml:3: a: parameter_path: unknown key; did you mean ParameterPath?", image("parameter_path: /a")),
    Case("path: owners as well", "error", "images.yaml:4: a: Owners: has no effect with ParameterPath", image("ParameterPath: /a", "Owners: [self]")),
]

ARNS = [
    Case("ARN: sound", "ok", "", path(ARN)),
    Case("ARN: several parts", "ok", "", path(f"{ARN}/golden/x86_64")),
    Case("ARN: the watched account", "ok", "", path("arn:aws:ssm:eu-west-1:111122223333:parameter/a")),
    Case("ARN: with its region and account", "ok", "", image(f"ParameterPath: {ARN}", "Regions: [eu-west-1]", "Accounts: [111122223333]")),
    Case("ARN: two slashes", "error", f"{AT_PATH}contains two slashes in a row; write '{ARN}'", path(ARN.replace("parameter/", "parameter//"))),
    Case("ARN: slash at the end", "error", f"{AT_PATH}ends with a slash, so it is only a path", path(f"{ARN}/")),
    Case("ARN: no slash", "error", f"{AT_PATH}has no slash after parameter; write '{ARN}'", path(ARN.replace("parameter/", "parameter"))),
    Case("ARN: colon instead of a slash", "error", f"{AT_PATH}has no slash after parameter; write '{ARN}'", path(ARN.replace("parameter/", "parameter:"))),
    Case("ARN: no parameter", "error", f"{AT_PATH}is not the complete ARN of a parameter; write arn:aws:ssm:REGION:ACCOUNT:parameter/NAME", path("arn:aws:ssm:eu-west-1:999988887777:parameter")),
    Case("ARN: cut off", "error", f"{AT_PATH}is not the complete ARN of a parameter", path("arn:aws:ssm:eu-west-1")),
    Case("ARN: only its beginning", "error", f"{AT_PATH}is not the complete ARN of a parameter", path("'arn:'")),
    Case("ARN: a document", "error", f"{AT_PATH}is not the complete ARN of a parameter", path("arn:aws:ssm:eu-west-1:999988887777:document/a")),
    Case("ARN: no region", "error", f"{AT_PATH}has no region; write the region of the parameter", path(ARN.replace("eu-west-1", ""))),
    Case("ARN: zone", "error", f"{AT_PATH}has the region 'eu-west-1a'; write the region", path(ARN.replace("eu-west-1", "eu-west-1a"))),
    Case("ARN: no account", "error", f"{AT_PATH}has no account; write the 12 digits of the account", path(ARN.replace("999988887777", ""))),
    Case("ARN: zero lost", "error", f"{AT_PATH}has the account '99998888777'; write the 12 digits", path(ARN.replace("999988887777", "99998888777"))),
    Case("ARN: wrong partition name", "error", f"{AT_PATH}has the partition 'amazon', which AWS does not have", path(ARN.replace("aws", "amazon"))),
    Case("ARN: version", "error", f"{AT_PATH}ends with the version :3, whose value never changes; write '{ARN}'", path(f"{ARN}:3")),
    Case("ARN: label", "error", f"{AT_PATH}ends with the label :prod, and labels are not supported; write '{ARN}'", path(f"{ARN}:prod")),
    Case("ARN: wildcard", "error", f"{AT_PATH}contains a wildcard, which is not supported", path(f"{ARN}/*")),
    Case("ARN: CloudFormation placeholder", "error", f"{AT_PATH}contains the placeholder '${{AWS::Region}}'", path(ARN.replace("eu-west-1", "${AWS::Region}"))),
    Case("ARN: space", "error", f"{AT_PATH}contains a space, which is not allowed", path(f"{ARN} b")),
    Case("ARN: umlaut", "error", f"{AT_PATH}contains 'ä', which is not allowed in a parameter's name", path(f"{ARN}ä")),
    Case("ARN: public parameter with an account", "error", f"{AT_PATH}is the ARN of a public parameter; write its name, '/aws/service/a/b'", path("arn:aws:ssm:eu-west-1:999988887777:parameter/aws/service/a/b")),
    Case("ARN: too long", "error", f"{AT_PATH}is 1012 characters long; at most 1011 are allowed", path(ARN + "a" * (1012 - len(ARN)))),
    Case("ARN: region of no file", "error", f"{AT_PATH}the ARN's region eu-west-3 is not in regions.yaml; did you mean eu-west-1?", path(ARN.replace("eu-west-1", "eu-west-3"))),
    Case("ARN: distant region of no file", "error", f"{AT_PATH}the ARN's region sa-east-1 is not in regions.yaml; add it there, or use another ARN", path(ARN.replace("eu-west-1", "sa-east-1")), REGIONS.replace("us-east-1", "ap-south-2")),
    Case("ARN: other partition", "error", f"{AT_PATH}eu-west-1 is in the partition aws, not aws-cn; write arn:aws:ssm:eu-west-1:…", path(ARN.replace("arn:aws", "arn:aws-cn"))),
    Case("ARN: another region in Regions", "error", "images.yaml:4: a: Regions: does not list eu-west-1, the region of the ARN in ParameterPath; remove Regions", image(f"ParameterPath: {ARN}", "Regions: [us-east-1]")),
    Case("ARN: more regions", "warning", "images.yaml:4: a: Regions: the parameter of an ARN is read only in eu-west-1; remove the other regions", image(f"ParameterPath: {ARN}", "Regions: [us-east-1, eu-west-1]")),
    Case("ARN: account of another region", "error", "images.yaml:4: a: Accounts: leaves no target: regions.yaml has eu-west-1 in 222233334444; change Accounts", image(f"ParameterPath: {ARN}", "Accounts: [111122223333]"), TWO_ACCOUNTS),
]

ACCOUNTS = [
    Case("accounts: sound", "ok", "", image("ParameterPath: /a", "Accounts: ['111122223333']")),
    Case("accounts: without quotes", "ok", "", image("ParameterPath: /a", "Accounts: [111122223333]")),
    Case("accounts: one as text", "error", "images.yaml:4: a: Accounts: is the text '111122223333', but must be a list; write ['111122223333']", image("ParameterPath: /a", "Accounts: 111122223333")),
    Case("accounts: zero lost", "error", "images.yaml:4: a: Accounts[0]: is the text '11122223333', but must be an account id, which has exactly 12 digits", image("ParameterPath: /a", "Accounts: [11122223333]")),
    Case("accounts: unknown", "error", "images.yaml:4: a: Accounts[1]: '999988887777' is not in regions.yaml; add it there or remove it here", image("ParameterPath: /a", "Accounts: [111122223333, 999988887777]")),
    Case("accounts: none", "error", "images.yaml:4: a: Accounts: is an empty list", image("ParameterPath: /a", "Accounts: []")),
    Case("accounts: null", "error", "images.yaml:4: a: Accounts: is empty, but must be a list", image("ParameterPath: /a", "Accounts:")),
    Case("accounts: alias", "error", "images.yaml:4: a: Accounts[0]: is the text 'self', but must be an account id", image("ParameterPath: /a", "Accounts: [self]")),
    Case("accounts: misspelt key", "error", "images.yaml:4: a: AccountId: unknown key; did you mean Accounts?", image("ParameterPath: /a", "AccountId: 111122223333")),
    Case("accounts: of another region", "error", "images.yaml:5: a: Accounts: leaves no target: regions.yaml has eu-west-1 in 222233334444; change Accounts or Regions", image("ParameterPath: /a", "Regions: [eu-west-1]", "Accounts: [111122223333]"), TWO_ACCOUNTS),
    Case("accounts: of one region of two", "ok", "", image("ParameterPath: /a", "Regions: [eu-west-1, us-east-1]", "Accounts: [111122223333]"), TWO_ACCOUNTS),
    Case("accounts: unknown region and account", "error", "images.yaml:4: a: Regions[0]: 'eu-west-3' is not in regions.yaml", image("ParameterPath: /a", "Regions: [eu-west-3]", "Accounts: [111122223333]"), TWO_ACCOUNTS),
    Case("accounts: regions without an account", "error", "regions.yaml:1: us-east-1: AccountId: no account", image("ParameterPath: /a", "Accounts: [111122223333]"), "regions: [{Name: us-east-1}]\n"),
]

RELEASES = [
    Case("release: sound", "ok", "", image("ParameterPath: /a", f"Release: {{Pattern: '{KEY}', Notes: 'https://a.example/{{release}}'}}")),
    Case("release: only notes", "ok", "", image("ParameterPath: /a", "Release: {Notes: 'https://a.example/'}")),
    Case("release: at the top", "ok", "", f"Release: {{Pattern: '{KEY}'}}\n" + path("/a")),
    Case("release: notes here, pattern at the top", "ok", "", f"Release: {{Pattern: '{KEY}'}}\n" + image("ParameterPath: /a", "Release: {Notes: 'https://a.example/{release}'}")),
    Case("release: neither", "error", "images.yaml:4: a: Release: is empty; write Pattern, Notes or both, or remove it", image("ParameterPath: /a", "Release: {}")),
    Case("release: null", "error", "images.yaml:4: a: Release: is empty, but must be a map of keys and values: Release: {Pattern: …, Notes: …}", image("ParameterPath: /a", "Release:")),
    Case("release: a pattern as text", "error", "images.yaml:4: a: Release: is the text '-v(?P<release>", image("ParameterPath: /a", f"Release: '{KEY}'")),
    Case("release: a list", "error", "images.yaml:4: a: Release: is a list, but must be a map", image("ParameterPath: /a", f"Release: [{{Pattern: '{KEY}'}}]")),
    Case("release: a list at the top", "error", "images.yaml:1: Release: is a list, but must be a map of keys and values: Release: {Pattern: …, Notes: …}", "Release: []\n" + path("/a")),
    Case("release: misspelt", "error", "images.yaml:4: a: Relase: unknown key; did you mean Release?", image("ParameterPath: /a", f"Relase: {{Pattern: '{KEY}'}}")),
    Case("release: misspelt, with its order", "error", "images.yaml:6: a: Relase: unknown key; did you mean Release?", ordered("OrderBy: release", f"Relase: {{Pattern: '{KEY}'}}")),
    Case("release: lower case at the top", "error", "images.yaml:1: release: unknown key; did you mean Release?", f"release: {{Pattern: '{KEY}'}}\n" + ordered("OrderBy: release")),
    Case("release: key in lower case", "error", "images.yaml:4: a: Release.pattern: unknown key; did you mean Pattern?", image("ParameterPath: /a", f"Release: {{pattern: '{KEY}'}}")),
    Case("release: misspelt key", "error", "images.yaml:4: a: Release.Note: unknown key; did you mean Notes?", image("ParameterPath: /a", "Release: {Note: 'https://a.example/{release}'}")),
    Case("release: misspelt key at the top", "error", "images.yaml:1: Release.Patterm: unknown key; did you mean Pattern?", f"Release: {{Patterm: '{KEY}'}}\n" + ordered("OrderBy: release", "Release: {Notes: 'https://a.example/{release}'}")),
    Case("release: unknown key", "error", "images.yaml:4: a: Release.Url: unknown key; expected one of Pattern, Notes", image("ParameterPath: /a", "Release: {Url: 'https://a.example/'}")),
    Case("release: a field of an image", "error", "images.yaml:4: a: Pattern: is a field of Release; write Release: {Pattern: …}", image("ParameterPath: /a", f"Pattern: '{KEY}'")),
    Case("release: a field of a file", "error", "images.yaml:1: notes: is a field of Release; write Release: {Notes: …}", "notes: 'https://a.example/'\n" + path("/a")),
    Case("release: a field of an image, with its order", "error", "images.yaml:6: a: Pattern: is a field of Release; write Release: {Pattern: …}", ordered("OrderBy: release", f"Pattern: '{KEY}'")),
    Case("pattern: empty", "error", "images.yaml:4: a: Release.Pattern: is empty, but must be text", image("ParameterPath: /a", "Release: {Pattern: ''}")),
    Case("pattern: list", "error", "images.yaml:4: a: Release.Pattern: is a list, but must be text", image("ParameterPath: /a", "Release: {Pattern: [a]}")),
    Case("pattern: too long", "error", "images.yaml:4: a: Release.Pattern: is 217 characters long; at most 200 are allowed", image("ParameterPath: /a", f"Release: {{Pattern: '(?P<release>{'a' * 204})'}}")),
    Case("pattern: two lines", "error", "images.yaml:4: a: Release.Pattern: is the text '(?P<release>a)\\nb', but must be one line of text", image("ParameterPath: /a", 'Release: {Pattern: "(?P<release>a)\\nb"}')),
    Case("pattern: double quotes", "error", "images.yaml:4: is not YAML: while parsing a quoted scalar, found unknown escape character; double quotes allow only YAML's escapes; use single quotes", image("ParameterPath: /a", r'Release: {Pattern: "(?P<release>\d+)"}')),
    Case("pattern: brackets without quotes", "error", "images.yaml:5: is not YAML: while parsing a block", image("ParameterPath: /a", "Release:", "  Pattern: [0-9](?P<release>a)")),
    Case("pattern: no group", "error", "images.yaml:4: a: Release.Pattern: has no group release; write (?P<release>…) around the release in the AMI name", image("ParameterPath: /a", r"Release: {Pattern: '-v(\d+)$'}")),
    Case("pattern: other syntax", "error", "images.yaml:4: a: Release.Pattern: contains (?<release>, the syntax of other tools; write (?P<release>", image("ParameterPath: /a", r"Release: {Pattern: '-v(?<release>\d+)$'}")),
    Case("pattern: at the top, of two images", "error", "images.yaml:1: Release.Pattern: has the group relase; did you mean release?", "Release: {Pattern: '(?P<relase>a)'}\n" + path("/a") + "  - {Name: b, ParameterPath: /b, Release: {Notes: 'https://a.example/{relase}'}}\n"),
    Case("pattern: braces of Notes", "error", "images.yaml:4: a: Release.Pattern: contains a brace; write (?P<release>…) for a group", image("ParameterPath: /a", "Release: {Pattern: 'al2023-{release}-*'}")),
    Case("pattern: slow", "error", "images.yaml:4: a: Release.Pattern: can need more than 100,000 attempts with a long name; begin it with ^", image("ParameterPath: /a", "Release: {Pattern: '.*(?P<release>.*)x'}")),
    Case("notes: no URL", "error", "images.yaml:4: a: Release.Notes: is not a URL; begin it with https://", image("ParameterPath: /a", "Release: {Notes: a.example}")),
    Case("notes: too long", "error", "images.yaml:4: a: Release.Notes: is 210 characters long; at most 200 are allowed", image("ParameterPath: /a", f"Release: {{Notes: 'https://a.example/{'a' * 192}'}}")),
    Case("notes: two braces", "error", "images.yaml:4: a: Release.Notes: contains {{release}}; write a field as {release}", image("ParameterPath: /a", f"Release: {{Pattern: '{KEY}', Notes: 'https://a.example/{{{{release}}}}'}}")),
    Case("notes: shell", "error", "images.yaml:4: a: Release.Notes: contains $release; write a field as {release}", image("ParameterPath: /a", "Release: {Notes: 'https://a.example/$release'}")),
    Case("notes: printf", "error", "images.yaml:4: a: Release.Notes: contains %s; write a field as {release}", image("ParameterPath: /a", "Release: {Notes: 'https://a.example/%s'}")),
    Case("notes: open brace", "error", "images.yaml:4: a: Release.Notes: contains a brace that belongs to no field", image("ParameterPath: /a", f"Release: {{Pattern: '{KEY}', Notes: 'https://a.example/{{release'}}")),
    Case("notes: a format", "error", "images.yaml:4: a: Release.Notes: contains a brace that belongs to no field", image("ParameterPath: /a", f"Release: {{Pattern: '{KEY}', Notes: 'https://a.example/{{release:>8}}'}}")),
    Case("notes: space", "error", "images.yaml:4: a: Release.Notes: contains ' ', which is not allowed there in a URL; write %20", image("ParameterPath: /a", "Release: {Notes: 'https://a.example/a b'}")),
    Case("notes: field in the host", "error", "images.yaml:4: a: Release.Notes: has no valid host; write https://HOST/PATH, with fields only after the host", image("ParameterPath: /a", f"Release: {{Pattern: '{KEY}', Notes: 'https://{{release}}.example/'}}")),
    Case("notes: no pattern", "error", "images.yaml:4: a: Release.Notes: contains the field {release}, and no Pattern reads it from the AMI name; add Pattern", image("ParameterPath: /a", "Release: {Notes: 'https://a.example/{release}'}")),
    Case("notes: no pattern, at the top, two images", "error", "images.yaml:1: Release.Notes: contains the field {release}, and no Pattern reads it", "Release: {Notes: 'https://a.example/{release}'}\n" + path("/a") + "  - {Name: b, ParameterPath: /b}\n"),
    Case("notes: misspelt field", "error", "images.yaml:4: a: Release.Notes: contains {relase}, which is no named group of Pattern; did you mean {release}?", image("ParameterPath: /a", f"Release: {{Pattern: '{KEY}', Notes: 'https://a.example/{{relase}}'}}")),
    Case("notes: other field", "error", "images.yaml:4: a: Release.Notes: contains {minor}, which is no named group of Pattern; its named groups are release", image("ParameterPath: /a", f"Release: {{Pattern: '{KEY}', Notes: 'https://a.example/{{minor}}'}}")),
    Case("notes: field that the image's pattern has not", "error", "images.yaml:4: a: Release.Pattern: has no group minor, which the Notes at the top of the file contain; add (?P<minor>…), or Notes to this Release", "Release: {Pattern: '(?P<release>(?P<minor>[0-9]))', Notes: 'https://a.example/{minor}'}\nimages:\n  - {Name: z, ParameterPath: /z}\n  - {Name: a, ParameterPath: /a, Release: {Pattern: '(?P<release>[0-9])'}}\n"),
    Case("order: release", "ok", "", ordered("OrderBy: release", f"Release: {{Pattern: '{KEY}'}}")),
    Case("order: release, pattern at the top", "ok", "", f"Release: {{Pattern: '{KEY}'}}\n" + ordered("OrderBy: release")),
    Case("order: date", "ok", "", ordered("OrderBy: date")),
    Case("order: no pattern", "error", "images.yaml:5: a: OrderBy: needs a Pattern that reads the release from the AMI name; add Release: {Pattern: '…'} here or at the top of the file", ordered("OrderBy: release")),
    Case("order: only notes", "error", "images.yaml:5: a: OrderBy: needs a Pattern that reads the release", ordered("OrderBy: release", "Release: {Notes: 'https://a.example/'}")),
    Case("order: of a parameter", "error", "images.yaml:4: a: OrderBy: has no effect with ParameterPath", image("ParameterPath: /a", "OrderBy: release")),
    Case("order: capital letter", "error", "images.yaml:5: a: OrderBy: is the text 'Release', but must be 'date' or 'release'; did you mean release?", ordered("OrderBy: Release", f"Release: {{Pattern: '{KEY}'}}")),
    Case("order: version", "error", "images.yaml:5: a: OrderBy: is the text 'version', but must be 'date' or 'release'; did you mean release?", ordered("OrderBy: version")),
    Case("order: CreationDate", "error", "images.yaml:5: a: OrderBy: is the text 'CreationDate', but must be 'date' or 'release'; did you mean date?", ordered("OrderBy: CreationDate")),
    Case("order: something else", "error", "images.yaml:5: a: OrderBy: is the text 'zzz', but must be 'date' or 'release'", ordered("OrderBy: zzz")),
    Case("order: list", "error", "images.yaml:5: a: OrderBy: is a list, but must be 'date' or 'release'", ordered("OrderBy: [release]")),
    Case("order: null", "error", "images.yaml:5: a: OrderBy: is empty, but must be 'date' or 'release'", ordered("OrderBy:")),
    Case("order: misspelt", "error", "images.yaml:5: a: Order: unknown key; did you mean OrderBy?", ordered("Order: release")),
    Case("order: with an underscore", "error", "images.yaml:5: a: order_by: unknown key; did you mean OrderBy?", ordered("order_by: release")),
]

FILTER_NAMES = [
    Case("filter: sound", "ok", "", a_filter("virtualization-type", "[hvm]")),
    Case("filter: tag", "ok", "", a_filter("tag:Team", "[x]")),
    Case("filter: tag-key", "ok", "", a_filter("tag-key", "[x]")),
    Case("filter: underscore", "error", f"{AT_NAME}EC2 has no filter 'virtualization_type'; did you mean virtualization-type?", a_filter("virtualization_type", "[hvm]")),
    Case("filter: camel case", "error", f"{AT_NAME}EC2 has no filter 'RootDeviceType'; did you mean root-device-type?", a_filter("RootDeviceType", "[ebs]")),
    Case("filter: capital letter", "error", f"{AT_NAME}EC2 has no filter 'Name'; did you mean name?", a_filter("Name", "[a]")),
    Case("filter: letters swapped", "error", f"{AT_NAME}EC2 has no filter 'nmae'; did you mean name?", a_filter("nmae", "[a]")),
    Case("filter: no hyphen", "error", f"{AT_NAME}EC2 has no filter 'creationdate'; did you mean creation-date?", a_filter("creationdate", "['2026*']")),
    Case("filter: public", "error", f"{AT_NAME}EC2 has no filter 'public'; did you mean is-public?", a_filter("public", "['true']")),
    Case("filter: owner", "error", f"{AT_NAME}EC2 has no filter 'owner'; did you mean owner-id?", a_filter("owner", "[amazon]")),
    Case("filter: tag without its mark", "error", f"{AT_NAME}EC2 has no filter 'Team'", a_filter("Team", "[x]")),
    Case("filter: capital tag", "error", f"{AT_NAME}EC2 has no filter 'Tag:Team'; did you mean tag:Team?", a_filter("Tag:Team", "[x]")),
    Case("filter: tag without a key", "error", f"{AT_NAME}EC2 has no filter 'tag:'; did you mean tag:KEY?", a_filter("'tag:'", "[x]")),
    Case("filter: tag-value", "error", f"{AT_NAME}EC2 has no filter 'tag-value'; did you mean tag:KEY", a_filter("tag-value", "[x]")),
    Case("filter: space at the end", "error", f"{AT_NAME}EC2 has no filter 'architecture '; did you mean architecture?", a_filter("'architecture '", "[x86_64]")),
    Case("filter: a severity", "error", f"{AT_NAME}EC2 has no filter 'critical'", a_filter("critical", "[x]")),
    Case("filter: name_regex", "error", f"{AT_NAME}EC2 has no filter 'name_regex'", a_filter("name_regex", "[x]")),
    Case("filter: twice", "error", "images.yaml:4: a: Filters: has the filter 'name' twice", image("Owners: [self]", "Filters:", "  - {Name: name, Values: [a-arm64]}", "  - {Name: name, Values: [b-arm64]}")),
    Case("filter: no name", "error", "images.yaml:4: a: Filters[0].Name: is missing, but required", image("Owners: [self]", "Filters: [{Values: [a]}]")),
    Case("filter: no values", "error", "images.yaml:4: a: Filters[0].Values: is missing, but required", image("Owners: [self]", "Filters: [{Name: tag-key}]")),
    Case("filter: one value as text", "error", "images.yaml:6: a: Filters[0].Values: is the text 'hvm', but must be a list; write ['hvm']", a_filter("virtualization-type", "hvm")),
    Case("filter: true without quotes", "error", "images.yaml:6: a: Filters[0].Values[0]: is true, but must be text; put it in quotes", a_filter("is-public", "[true]")),
    Case("filter: number without quotes", "ok", "", a_filter("block-device-mapping.volume-size", "[8]")),
    Case("filter: pending", "error", f"{AT_VALUE}only available images are selected, so the state 'pending' matches none; write [available]", a_filter("state", "[pending]")),
    Case("filter: available and pending", "error", "images.yaml:6: a: Filters[0].Values[1]: only available images are selected", a_filter("state", "[available, pending]")),
    Case("filter: misspelt state", "error", f"{AT_VALUE}only available images are selected, so the state 'avaliable'", a_filter("state", "[avaliable]")),
    Case("filter: available", "ok", "", a_filter("state", "[available]")),
    Case("filter: commas in a description", "ok", "", a_filter("description", "['Canonical, Ubuntu, 22.04']")),
    Case("filters: a map", "error", "images.yaml:4: a: Filters: is a map, but must be a list; write each filter as {Name: name, Values: ['a-*']}", image("Owners: [self]", "Filters: {name: a-*, state: available}")),
    Case("filters: a map of lists", "error", "images.yaml:4: a: Filters: is a map, but must be a list; write each filter as {Name: name, Values: ['a-*', …]}", image("Owners: [self]", "Filters: {name: [a-*]}")),
    Case("filters: a map of maps", "error", "images.yaml:4: a: Filters: is a map, but must be a list; write each filter as {Name: name, Values: […]}", image("Owners: [self]", "Filters: {name: {a: b}}")),
    Case("filters: an empty map", "error", "images.yaml:4: a: Filters: is a map, but must be a list; write each filter as {Name: name, Values: ['…']}", image("Owners: [self]", "Filters: {}")),
    Case("filters: one filter without a hyphen", "error", "images.yaml:4: a: Filters: is a map, but must be a list; begin it with a hyphen", image("Owners: [self]", "Filters: {Name: name, Values: [a-*]}")),
    Case("filters: no owner", "error", "images.yaml:3: a: Filters: has no owner", image("Filters: [{Name: name, Values: [a-arm64]}]")),
    Case("filters: none", "error", "images.yaml:4: a: Filters: is an empty list", image("Owners: [self]", "Filters: []")),
    Case("filters: lower-case key", "error", "images.yaml:4: a: filters: unknown key; did you mean Filters?", image("Owners: [self]", "filters: [{Name: name, Values: [a]}]")),
    Case("filters: lower-case name", "error", "images.yaml:3: a: Filters[0].name: unknown key; did you mean Name?", image("Filters: [{name: owner-alias, Values: [amazon]}]")),
    Case("owners: lower-case key", "error", "images.yaml:3: a: owners: unknown key; did you mean Owners?", image("owners: [self]", "Filters: [{Name: name, Values: [a-arm64]}]")),
    Case("image: lower-case name", "error", "images.yaml:2: images[0]: name: unknown key; did you mean Name?", "images:\n  - name: a\n    ParameterPath: /a\n"),
    Case("images: misspelt", "error", "images.yaml:1: image: unknown key; did you mean images?", "image:\n  - Name: a\n    ParameterPath: /a\n"),
    Case("filters: most_recent", "error", "images.yaml:4: a: most_recent: unknown key; expected one of Name", image(f"ParameterPath: {PATH}", "most_recent: true")),
    Case("lookup: none", "error", "images.yaml:2: a: has no lookup; add either ParameterPath or Filters", image("Announce: []")),
]

NAMES = [
    Case("name: wildcards", "ok", "", named("['RHEL-9.?_HVM-*']")),
    Case("name: all that EC2 allows", "ok", "", named("""["Bob's [x] (y) a/b.c-d@_*"]""")),
    Case("name: escaped wildcard", "ok", "", named(r"['a\*b']")),
    Case("name: space at the end", "ok", "", named("['amzn2-ami-* ']")),
    Case("name: Terraform variable", "error", f"{AT_VALUE}contains the placeholder '${{var.v}}', which is not replaced here", named("['k8s-${var.v}-*']")),
    Case("name: double braces", "error", f"{AT_VALUE}contains the placeholder '{{{{prefix}}}}'", named("['{{prefix}}-*']")),
    Case("name: angle brackets", "error", f"{AT_VALUE}contains the placeholder '<name>'", named("[<name>-*]")),
    Case("name: single braces", "error", f"{AT_VALUE}contains the placeholder '{{v}}'", named("['a-{v}-*']")),
    Case("name: regular expression", "error", f"{AT_VALUE}looks like a regular expression, and no image name contains '^'", named("['^amzn2-.*$']")),
    Case("name: alternatives", "error", f"{AT_VALUE}looks like a regular expression, and no image name contains '|'", named("['(a|b)-*']")),
    Case("name: \\d", "error", f"{AT_VALUE}contains \\d, which EC2 refuses", named(r"['RHEL-\d*']")),
    Case("name: escaped dot", "error", f"{AT_VALUE}contains \\., which EC2 refuses", named(r"['2\.0*']")),
    Case("name: backslash at the end", "error", f"{AT_VALUE}ends with a backslash, which EC2 refuses", named("['a\\']")),
    Case("name: comma", "error", f"{AT_VALUE}contains a comma, which is not allowed in an image name; write a list of names: ['a*', 'b*']", named("['a*,b*']")),
    Case("name: colon", "error", f"{AT_VALUE}contains ':', which is not allowed in an image name", named("[a:b]")),
    Case("name: typographic quotes", "error", f"{AT_VALUE}contains the typographic quote \u201c", named("[\u201ca\u201d]")),
    Case("name: long dash", "error", f"{AT_VALUE}contains the long dash \u2013", named("[al2023\u2013ami]")),
    Case("name: no value", "error", f"{AT_VALUE}is empty, but must be text", named("['']")),
    Case("name: too long", "error", f"{AT_VALUE}is 256 characters long; at most 255 are allowed", named(f"[{'a' * 256}]")),
    Case("name: escape in another filter", "error", f"{AT_VALUE}contains \\d, which EC2 refuses", a_filter("description", r"['a \d']")),
    Case("excluded: placeholder", "error", "images.yaml:5: a: ExcludeNames[0]: contains the placeholder '<beta>'", image("Owners: [self]", "Filters: [{Name: name, Values: [a-arm64]}]", "ExcludeNames: ['<beta>']")),
    Case("excluded: escape", "error", "images.yaml:5: a: ExcludeNames[0]: contains \\d, which EC2 refuses", image("Owners: [self]", "Filters: [{Name: name, Values: [a-arm64]}]", r"ExcludeNames: ['\d']")),
    Case("excluded: everything", "error", "images.yaml:5: a: ExcludeNames[0]: excludes every image", image("Owners: [self]", "Filters: [{Name: name, Values: [a-arm64]}]", "ExcludeNames: ['*']")),
    Case("excluded: text", "error", "images.yaml:5: a: ExcludeNames: is the text 'b', but must be a list; write ['b']", image("Owners: [self]", "Filters: [{Name: name, Values: [a-arm64]}]", "ExcludeNames: b")),
    Case("architecture: none", "warning", "images.yaml:4: a: Filters: has no architecture", image("Owners: [self]", "Filters: [{Name: name, Values: [ubuntu-*]}]")),
    Case("architecture: in one name of two", "warning", "images.yaml:4: a: Filters: has no architecture", image("Owners: [self]", "Filters: [{Name: name, Values: [a-arm64, b-*]}]")),
    Case("architecture: none, older form", "warning", "images.yaml:4: a: Filters: has no architecture", older("\"{'Name': 'name', 'Values': ['a*']}\"")),
    Case("architecture: in the name", "ok", "", image("Owners: [self]", "Filters: [{Name: name, Values: [a-amd64-*]}]")),
    Case("architecture: no name at all", "ok", "", image("Owners: [self]", "Filters: [{Name: 'tag:Team', Values: [x]}]")),
    Case("architecture: one image by its id", "ok", "", image("Filters: [{Name: image-id, Values: [ami-01234567]}, {Name: name, Values: [a]}]")),
]

OWNERS = [
    Case("owner: sound", "ok", "", owned("[self, amazon, '099720109477']")),
    Case("owner: account without quotes", "ok", "", owned("[099720109477]")),
    Case("owner: misspelt", "error", f"{AT_OWNER}EC2 has no owner alias 'amazonn'; did you mean amazon?", owned("[amazonn]")),
    Case("owner: capital letter", "error", f"{AT_OWNER}EC2 has no owner alias 'Amazon'; did you mean amazon?", owned("[Amazon]")),
    Case("owner: underscore", "error", f"{AT_OWNER}EC2 has no owner alias 'aws_marketplace'; did you mean aws-marketplace?", owned("[aws_marketplace]")),
    Case("owner: publisher", "error", f"{AT_OWNER}EC2 has no owner alias 'canonical'; write the publisher's account: '099720109477'", owned("[canonical]")),
    Case("owner: anyone", "error", f"{AT_OWNER}'*' is a wildcard, which is not allowed here", owned("['*']")),
    Case("owner: zero lost", "error", f"{AT_OWNER}'99720109477' has 11 digits, and an account id has exactly 12; keep the zeros", owned("[99720109477]")),
    Case("owner: a digit too many", "error", f"{AT_OWNER}'0997201094777' has 13 digits, and an account id has exactly 12", owned("['0997201094777']")),
    Case("owner: hyphens", "error", f"{AT_OWNER}'0997-2010-9477' is not an account id; write '099720109477'", owned("[0997-2010-9477]")),
    Case("owner: unknown", "error", f"{AT_OWNER}is the text 'someone', but must be an account id of exactly 12 digits", owned("[someone]")),
    Case("owner: text", "error", "images.yaml:3: a: Owners: is the text 'amazon', but must be a list; write ['amazon']", owned("amazon")),
    Case("owner: a map", "error", "images.yaml:3: a: Owners: is a map, but must be a list", owned("{id: amazon}")),
    Case("owner: none", "error", "images.yaml:3: a: Owners: is an empty list", owned("[]")),
    Case("owner-id: wildcard", "error", "images.yaml:5: a: Filters[0]: the value '*' of owner-id must be an account id", a_filter("owner-id", "['*']")),
    Case("owner-alias: misspelt", "error", "images.yaml:5: a: Filters[0]: the value 'amazonn' of owner-alias must be amazon, aws-marketplace or aws-backup-vault; did you mean amazon?", a_filter("owner-alias", "[amazonn]")),
]

OLDER = [
    Case("older form: sound", "ok", "", older("\"{'Name': 'name', 'Values': ['a-arm64']}\"")),
    Case("older form: in brackets", "ok", "", older("\"[{'Name': 'name', 'Values': ['a-arm64']}, {'Name': 'state', 'Values': ['available']}]\"")),
    Case("older form: JSON of the AWS CLI", "ok", "", image("""Filters: '[{"Name":"name","Values":["a-arm64"]},{"Name":"owner-alias","Values":["amazon"]}]'""")),
    Case("older form: comma at the end", "ok", "", older("\"{'Name': 'name', 'Values': ['a-arm64',]},\"")),
    Case("older form: short form of the AWS CLI", "error", "images.yaml:4: a: Filters: is the shorthand syntax of the AWS CLI; write each filter as an entry of a list", older("Name=name,Values=a-*")),
    Case("older form: short form without an owner", "error", "images.yaml:3: a: Filters: is the shorthand syntax of the AWS CLI", image("Filters: Name=name,Values=a-* Name=owner-alias,Values=amazon")),
    Case("older form: apostrophe in double quotes", "ok", "", older("""|\n      {'Name': 'description', 'Values': ["Bob's image *"]}""")),
    Case("older form: no comma", "error", "images.yaml:4: a: Filters: is not YAML: while parsing a flow", older("\"{'Name': 'name' 'Values': ['a']}\"")),
    Case("older form: asterisk", "error", "images.yaml:4: a: Filters: *a* begins with *, which is an alias in YAML; put it in quotes", older('"{Name: name, Values: [*a*]}"')),
    Case("older form: backslash", "error", "images.yaml:4: a: Filters: contains a backslash", older(r"""'{"Name": "name", "Values": ["\d"]}'""")),
    Case("older form: unknown filter", "error", "images.yaml:4: a: Filters[0].Name: EC2 has no filter 'nmae'; did you mean name?", older("\"{'Name': 'nmae', 'Values': ['a']}\"")),
    Case("older form: placeholder", "error", "images.yaml:4: a: Filters[0].Values[0]: contains the placeholder '<x>'", older("\"{'Name': 'name', 'Values': ['<x>-arm64']}\"")),
    Case("older form: empty", "error", "images.yaml:4: a: Filters: is empty; expected a list", older("' '")),
]

SYNTAX = [
    Case("quote: never closed", "error", "images.yaml:2: a quote opens on this line and is never closed", 'images:\n  - Name: "a\n    ParameterPath: /a\n'),
    Case("quote: closed by the next one", "error", "images.yaml:2: a quote opens on this line and is closed only on line 3", 'images:\n  - Name: "a\n    ParameterPath: "/a"\n'),
    Case("quote: apostrophe inside", "error", "images.yaml:6: is not YAML: while parsing a flow", named("['Bob's a']")),
    Case("quote: escape in double quotes", "error", "images.yaml:6: is not YAML: while parsing a quoted scalar, found unknown escape character; double quotes allow only YAML's escapes; use single quotes", named(r'["RHEL-\d"]')),
    Case("asterisk: at both ends", "error", "images.yaml:6: *golden-* begins with *, which is an alias in YAML; put it in quotes: '*golden-*'", named("[*golden-*]")),
    Case("asterisk: at the beginning", "error", "images.yaml:6: a: Filters[0].Values[0]: alias *golden: put it in quotes if it is text", named("[*golden]")),
    Case("asterisk: at the end", "ok", "", named("[golden-*]")),
    Case("exclamation mark", "error", "images.yaml:6: a: Filters[0].Values[0]: tags (!) are not allowed; put the text in quotes", named("[!x ]")),
    Case("at sign", "error", "images.yaml:3: is not YAML: while scanning for the next token, found character that cannot start any token; put the value in quotes", path("@a")),
    Case("colon and space in a value", "error", "images.yaml:3: is not YAML: mapping values are not allowed in this context; put a value that contains ': ' in quotes", path("a: b")),
    Case("no space behind a colon", "error", "images.yaml:3: is not YAML: mapping values are not allowed in this context", "images:\n  - Name:a\n    ParameterPath: /a\n"),
    Case("wrong indent", "error", "images.yaml:3: is not YAML: while parsing a block collection, did not find expected '-' indicator; indent all fields of an entry by the same number of spaces", "images:\n  - Name: a\n   ParameterPath: /a\n"),
    Case("no hyphen", "error", "images.yaml:1: images: is a map, but must be a list; begin it with a hyphen: - Name: …", "images:\n  Name: a\n  ParameterPath: /a\n"),
    Case("tab", "error", "images.yaml:3: is indented with a tab", "images:\n  - Name: a\n\tParameterPath: /a\n"),
    Case("open bracket", "error", "images.yaml:7: is not YAML: while parsing a flow sequence", named("[a")),
    Case("marks of a merge", "error", "images.yaml:3: contains the merge conflict marker <<<<<<<", image("").replace("\n    \n", "\n<<<<<<< HEAD\n    ParameterPath: /a\n=======\n    ParameterPath: /b\n>>>>>>> b\n")),
    Case("last mark of a merge", "error", "images.yaml:4: contains the merge conflict marker >>>>>>>", path("/a") + ">>>>>>> b\n"),
    Case("non-breaking space: indent", "error", "images.yaml:3: a: contains a non-breaking space (U+00A0); use an ordinary space", image(f"{NBSP}ParameterPath: /a")),
    Case("non-breaking space: value", "error", f"{AT_PATH}contains a non-breaking space (U+00A0)", path(f"/a{NBSP}")),
    Case("wide space", "error", f"{AT_PATH}contains an unusual space (U+3000)", path("/a\u3000b")),
    Case("invisible character", "error", "images.yaml:3: contains the invisible character U+200B; remove it", path("/a\u200b")),
    Case("second document", "error", "images.yaml:4: begins a second document", path("/a") + "---\n" + path("/b")),
    Case("key twice", "error", "images.yaml:4: a: duplicate key 'ParameterPath'; keep one", image("ParameterPath: /a", "ParameterPath: /b")),
    Case("merge key", "error", "images.yaml:4: a: merge keys (<<) are not allowed", image("ParameterPath: /a", "<<: {Announce: []}")),
    Case("nothing", "error", "images.yaml:1: is empty", "# nothing yet\n"),
    Case("Windows line ends", "ok", "", path(PATH).replace("\n", "\r\n")),
    Case("version that looks like a number", "ok", "", "images:\n  - Name: 1.30\n    ParameterPath: /a/1.30\n"),
]

OTHERS = [
    Case("kind: misspelt", "error", "images.yaml:4: a: Announce[0]: is the text 'relase', but must be", image("ParameterPath: /a", "Announce: [relase]")),
    Case("kind: none", "ok", "", image("ParameterPath: /a", "Announce: []")),
    Case("image: same name in another case", "error", "images.yaml:4: A: Name: duplicate name, first defined at", path("/a") + "  - {Name: A, ParameterPath: /b}\n"),
    Case("image: space in its name", "error", "images.yaml:2: a b: Name: is the text 'a b', but must be 1 to 128 letters", "images:\n  - {Name: a b, ParameterPath: /a}\n"),
    Case("image: region of no file", "error", "images.yaml:4: a: Regions[0]: 'eu-west-3' is not in regions.yaml", image("ParameterPath: /a", "Regions: [eu-west-3]")),
    Case("region: misspelt", "warning", "regions.yaml:3: eu-wset-1: Name: eu-wset-1 is not in this version's list of regions; did you mean eu-west-1?", regions=watched("- Name: eu-wset-1")),
    Case("region: zone", "error", "regions.yaml:3: eu-west-1a: Name: is the text 'eu-west-1a', but must be the name of a region", regions=watched("- Name: eu-west-1a")),
    Case("region: text", "error", "regions.yaml:3: regions[0]: is the text 'eu-west-1', but must be a map", regions=watched("- eu-west-1")),
    Case("region: twice", "error", "regions.yaml:4: eu-west-1: Name: duplicate of line 3: same region and account", regions=watched("- Name: eu-west-1", "- Name: eu-west-1")),
    Case("account: zero lost", "error", "regions.yaml:1: AccountId: is the text '11122223333', but must be an account id", regions=REGIONS.replace("111122223333", "11122223333")),
    Case("account: without quotes", "ok", "", regions=REGIONS.replace('"', "")),
]
# fmt: on

CASES = [
    *PARAMETERS,
    *ARNS,
    *ACCOUNTS,
    *RELEASES,
    *FILTER_NAMES,
    *NAMES,
    *OWNERS,
    *OLDER,
    *SYNTAX,
    *OTHERS,
]


def verdict_of(images: Path, regions: Path) -> tuple[str, list[str]]:
    """Return the verdict of a configuration, and its messages without their folder."""
    try:
        found = read_configuration(images, regions).warnings
        verdict = "warning" if found else "ok"
    except ConfigurationError as error:
        found, verdict = error.problems, "error"
    folders = (f"{images}/", f"{images.parent}/")
    lines = [str(problem) for problem in found]
    return verdict, [line.removeprefix(folders[0]).removeprefix(folders[1]) for line in lines]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_one_mistake_is_one_line_with_the_repair(case: Case, write: Write) -> None:
    """The verdict is as expected, and one line has the place and the mistake."""
    verdict, lines = verdict_of(*write(case.images, case.regions))

    assert verdict == case.verdict, lines
    assert [line[: len(case.line)] for line in lines] == ([case.line] if case.line else []), lines


def test_the_table_has_enough_cases() -> None:
    """There are at least 110 cases with unique names."""
    assert len(CASES) >= 110
    assert set(Counter(case.name for case in CASES).values()) == {1}
