"""JSON pointers (RFC 6901), by which errors name a place in a document."""

from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote

MAX_LENGTH: Final = 500

DOCUMENT: Final = "document"
"""What an error about all of it names."""


def make_pointer(*parts: object) -> str:
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)


def name_field(parts: Iterable[object]) -> str:
    """Return the pointer as an error tells it: not longer than anybody would read."""
    pointer = make_pointer(*parts)
    return f"{pointer[:MAX_LENGTH]}..." if len(pointer) > MAX_LENGTH else pointer or DOCUMENT


def split_fragment(reference: str) -> list[str]:
    """Return the parts of a pointer that is written as a URI's fragment (RFC 6901, section 6)."""
    return [unquote(part).replace("~1", "/").replace("~0", "~") for part in reference.removeprefix("#").split("/")[1:]]
