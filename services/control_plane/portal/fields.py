"""What a form of ours brings, and what was wrong with it."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, ValidationError

from services.control_plane.kit.problems import (
    FieldError,
    InvalidError,
    PreconditionFailedError,
    ProblemError,
    field_errors,
)

M = TypeVar("M", bound=BaseModel)

MAX_FIELDS: Final = 500
IF_MATCH: Final = "if_match"


class Fields:
    """A form's fields by name. One without a value, or not sent at all, is empty."""

    def __init__(self, pairs: Sequence[tuple[str, str]] = ()) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name, []).append(value.replace("\r\n", "\n"))

    @classmethod
    def read(cls, body: bytes) -> "Fields":
        """Read a body. Raises `InvalidError`."""
        try:
            return cls(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict"))
        except ValueError as error:
            raise InvalidError("The form can't be read.") from error

    def text(self, name: str) -> str:
        return next(iter(self._values.get(name, ())), "").strip()

    def given(self, name: str) -> dict[str, str]:
        """Return a field by its name, or nothing where it was left empty."""
        return {name: text} if (text := self.text(name)) else {}

    def on(self, name: str) -> bool:
        return bool(self.text(name))

    def number(self, name: str) -> str | None:
        """Return what stands for a number, for the model to read, or None for nothing."""
        return self.text(name) or None

    @property
    def if_match(self) -> str | None:
        """The version that the form was filled in for, as `If-Match` says it."""
        return self.text(IF_MATCH) or None

    def next_match(self, error: ProblemError) -> str:
        """Return the version that the same form is for after an error: where another is there now, that one."""
        return (error.headers or {}).get("ETag", self.text(IF_MATCH))

    def all(self, name: str) -> list[str]:
        """Return the boxes that are ticked."""
        return self._values.get(name, [])

    def lines(self, name: str) -> list[str]:
        return [line.strip() for line in self.text(name).splitlines() if line.strip()]

    def words(self, name: str) -> list[str]:
        """Return what stands between commas or line breaks."""
        return [word.strip() for word in re.split(r"[,\n]", self.text(name)) if word.strip()]


class Mistakes:
    """What was wrong with a form, beside its fields, or above it where it is of no one field."""

    def __init__(self, errors: Sequence[FieldError] = (), detail: str = "") -> None:
        self._errors = errors
        self.detail = detail

    @classmethod
    def of(cls, error: ProblemError) -> "Mistakes":
        if isinstance(error, PreconditionFailedError):
            return cls(detail="Somebody changed it meanwhile: look at it anew before you save.")
        found = [FieldError(item["field"], item["message"]) for item in error.members.get("errors", ())]
        return cls(found, "" if found else error.detail or "This was refused.")

    @classmethod
    def of_button(cls, error: ProblemError) -> "Mistakes":
        """Return why a button was refused. Raises `PreconditionFailedError` on, which has a page of its own."""
        if isinstance(error, PreconditionFailedError):
            raise error
        return cls.of(error)

    def __bool__(self) -> bool:
        return bool(self._errors or self.detail)

    def __iter__(self) -> Iterator[FieldError]:
        return iter(self._errors)

    def at(self, field: str) -> str:
        """Return what is wrong with a field or its parts, in one line."""
        messages = [item.message for item in self._errors if item.field == field or item.field.startswith(f"{field}.")]
        return "; ".join(dict.fromkeys(messages))


def build(model: type[M], values: dict[str, Any]) -> M:
    """Return the same model that the REST reads. Raises `InvalidError` that names its fields."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise InvalidError(errors=field_errors(error)) from error
