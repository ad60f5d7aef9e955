"""Documents from outside, within limits."""

from typing import Any, Final, Literal

from services.control_plane.asyncapi.pointers import name_field
from services.control_plane.kit.documents import DocumentError, read_json, read_yaml
from services.control_plane.kit.problems import InvalidError

MAX_BYTES: Final = 512 * 1024
MAX_VALUES: Final = 50_000

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
    if _count(value) > MAX_VALUES:
        raise refused(f"holds more than {MAX_VALUES} values")
    return value


def refused(message: str, *path: object) -> InvalidError:
    return InvalidError.of(name_field(path), message)


def _count(root: Any) -> int:
    count, left = 0, [root]
    while left:
        value = left.pop()
        count += 1
        if isinstance(value, dict):
            left += value.values()
        elif isinstance(value, list):
            left += value
    return count
