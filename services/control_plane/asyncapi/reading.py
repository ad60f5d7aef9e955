"""Documents from outside, within limits."""

import json
from typing import Any, Final, Literal

from services.control_plane.asyncapi.pointers import name_field
from services.control_plane.kit.documents import DocumentError, read_json, read_yaml
from services.control_plane.kit.problems import InvalidError

MAX_BYTES: Final = 512 * 1024
MAX_VALUES: Final = 50_000
MAX_RESOLVED_VALUES: Final = 4 * MAX_VALUES
"""With what references lead to in their place."""

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

Form = Literal["json", "yaml"]
Document = dict[str, Any]


def read_document(data: bytes, form: Form | None = None) -> Document:
    """Return a document, in the form that it looks like unless it is said. Raises `InvalidError`."""
    if form is None:
        form = "json" if data.removeprefix(_BYTE_ORDER_MARK).lstrip()[:1] == b"{" else "yaml"
    try:
        value = read_json(data, MAX_BYTES) if form == "json" else read_yaml(data, MAX_BYTES)
    except DocumentError as error:
        raise refused(str(error), *error.path) from error
    if not isinstance(value, dict):
        raise refused("must be an object")
    return _bounded(value)


def take_document(value: Document) -> Document:
    """Return a document that came inside another, within the same limits. Raises `InvalidError`."""
    if len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()) > MAX_BYTES:
        raise refused(f"is longer than {MAX_BYTES} bytes")
    return _bounded(value)


def _bounded(value: Document) -> Document:
    if count_values(value, MAX_VALUES) > MAX_VALUES:
        raise refused(f"holds more than {MAX_VALUES} values")
    return value


def refused(message: str, *path: object) -> InvalidError:
    return InvalidError.of(name_field(path), message)


def count_values(root: Any, most: int) -> int:
    """Return how many values there are, counting no further than `most` and one: a part counts wherever it stands."""
    count, left = 0, [root]
    while left and count <= most:
        value = left.pop()
        count += 1
        if isinstance(value, dict):
            left += value.values()
        elif isinstance(value, list):
            left += value
    return count
