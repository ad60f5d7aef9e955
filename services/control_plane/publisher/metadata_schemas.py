"""What is said of an API for people: pods don't need it."""

import re
from datetime import datetime
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from services.control_plane.kit.schemas import WriteBody
from services.control_plane.kit.text import Description, Name, Word, refuse_controls

MAX_CATEGORIES: Final = 10
MAX_PROPERTIES: Final = 30

_EMAIL: Final = re.compile(r"[^@\s<>\"(),:;\[\]\\]+@[A-Za-z0-9.-]+")


def check_email(value: str) -> str:
    """Return an address as it is: only writing to it shows whether it is one."""
    if not _EMAIL.fullmatch(refuse_controls(value)):
        raise ValueError("must be an e-mail address")
    return value


Email = Annotated[str, StringConstraints(max_length=254), AfterValidator(check_email)]
PropertyValue = Annotated[str, StringConstraints(max_length=500), AfterValidator(refuse_controls)]
Properties = Annotated[dict[Word, PropertyValue], Field(max_length=MAX_PROPERTIES)]
Categories = Annotated[list[Word], Field(max_length=MAX_CATEGORIES)]


class ContactBody(BaseModel):
    """Whom to ask about an API."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    email: Email | None = None


class CategoryWrite(WriteBody):
    read_only = WriteBody.read_only | {"name"}

    description: Description = ""


class CategoryCreate(WriteBody):
    name: Word
    description: Description = ""


class CategoryRead(BaseModel):
    name: str
    description: str
    created_at: datetime
    updated_at: datetime
