"""Text from outside, with limits: nothing stored can break out of a header, a log line or a page."""

import re
import unicodedata
from typing import Annotated, Final

from pydantic import AfterValidator, StringConstraints

from services.control_plane.kit.problems import NotFoundError

MAX_DESCRIPTION_LENGTH: Final = 10_000

_LINE_BREAKS: Final = frozenset("\n\r\t")
_RESOURCE_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,100}")


def refuse_controls(text: str) -> str:
    """Return a single line as it is. Raises `ValueError` for control and separator characters."""
    if any(_is_control(char) for char in text):
        raise ValueError("must not contain control characters or line breaks")
    return text


def refuse_invisible(text: str) -> str:
    """Return text of several lines as it is. Raises `ValueError` for other control characters."""
    if any(_is_control(char) and char not in _LINE_BREAKS for char in text):
        raise ValueError("must not contain control characters")
    return text


def _is_control(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Zl", "Zp", "Cs")


def can_be_id(text: str) -> bool:
    return _RESOURCE_ID.fullmatch(text) is not None


def _refuse_impossible(text: str) -> str:
    if not can_be_id(text):
        raise NotFoundError
    return text


Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    AfterValidator(refuse_controls),
]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)]
"""A name that stands in a path or a list as it is."""

Description = Annotated[str, StringConstraints(max_length=MAX_DESCRIPTION_LENGTH), AfterValidator(refuse_invisible)]

ScopeToken = Annotated[str, StringConstraints(pattern=r"^[\x21\x23-\x5B\x5D-\x7E]+$", max_length=100)]
"""A scope as RFC 6749, section 3.3, allows it."""

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,100}$")]
"""An id in a body or a query: what can't be one is not valid."""

ResourceId = Annotated[str, AfterValidator(_refuse_impossible)]
"""An id or name in a path: what can't be one is not found."""
