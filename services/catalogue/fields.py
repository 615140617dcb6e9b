"""The types of single fields of the two files, and what each expects."""

from __future__ import annotations

from typing import Annotated, NoReturn

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints
from pydantic_core import PydanticCustomError

from services.catalogue.arns import arn_mistake, is_arn
from services.kernel.wire import ACCOUNT_ID, IMAGE_NAME, MAX_NOTES, MAX_PATTERN, REGION

MAX_VALUES = 200  # ec2:DescribeImages, filter values in the whole request
MAX_TEXT = 255  # ec2:DescribeImages, characters of a filter value
MAX_PARAMETER_PATH = 1011  # ssm:PutParameter, characters of a name with the start of its ARN

# JSON Schema and pydantic's own regular expressions use "$" and do not support "\Z".
_ACCOUNT_ID = ACCOUNT_ID.replace(r"\Z", "$")
IMAGE = IMAGE_NAME.replace(r"\Z", "$")
_REGION = REGION.replace(r"\Z", "$")
OWNER = r"^([0-9]{12}|self|amazon|aws-marketplace|aws-backup-vault)$"
_NAMES = "(/[A-Za-z0-9_.-]+)+"
_PLAIN_REGION = _REGION.strip("^$")
PARAMETER_PATH = (
    f"^([A-Za-z0-9_.-]+|{_NAMES}|arn:aws[a-z-]*:ssm:{_PLAIN_REGION}:[0-9]{{12}}:parameter{_NAMES})$"
)
_LINE = r"^[^\x00-\x1f\x7f]*$"

EXPECTED = {
    _ACCOUNT_ID: "an account id, which has exactly 12 digits",
    IMAGE: "1 to 128 letters, digits, dots, underscores or hyphens, the first a letter or a digit",
    _REGION: "the name of a region, such as eu-west-1",
    _LINE: "one line of text",
}
"""What each pattern expects, for messages; the other patterns have a function in explain."""


def refuse(message: str) -> NoReturn:
    """Report a mistake of the field that is being validated."""
    raise PydanticCustomError("configuration", message)


AccountId = Annotated[str, StringConstraints(pattern=_ACCOUNT_ID)]
Region = Annotated[str, StringConstraints(pattern=_REGION)]
Owner = Annotated[str, StringConstraints(pattern=OWNER)]
Line = Annotated[str, StringConstraints(pattern=_LINE, min_length=1, max_length=MAX_TEXT)]


def _arn_is_sound(path: str) -> str:
    mistake = arn_mistake(path) if is_arn(path) else None
    if mistake:
        refuse(mistake)
    return path


ParameterPath = Annotated[
    str,
    StringConstraints(pattern=PARAMETER_PATH, max_length=MAX_PARAMETER_PATH),
    AfterValidator(_arn_is_sound),
]
PatternText = Annotated[str, StringConstraints(pattern=_LINE, min_length=1, max_length=MAX_PATTERN)]
NotesUrl = Annotated[str, StringConstraints(pattern=_LINE, min_length=1, max_length=MAX_NOTES)]


class Model(BaseModel):
    """A map with these keys only."""

    model_config = ConfigDict(extra="forbid", frozen=True)
