"""Bytes from outside to a JSON value, within limits: nothing is built that a small text could make huge."""

import json
import math
from typing import Any, Final, Literal

from services.control_plane.asyncapi.pointers import DOCUMENT, name_field
from services.control_plane.asyncapi.yaml_reading import YamlError, read_yaml
from services.control_plane.kit.problems import InvalidError

MAX_BYTES: Final = 512 * 1024
MAX_DEPTH: Final = 64
MAX_VALUES: Final = 50_000
MAX_TEXT: Final = 1 << 20
"""Characters of all texts together. What stands under a YAML alias counts each time."""

_MAX_DIGITS: Final = 100
_NOT_AN_OBJECT: Final = "must be an object"

Form = Literal["json", "yaml"]
Document = dict[str, Any]


class _Doubled:
    """Stands for an object that names a key twice."""

    def __init__(self, key: str) -> None:
        self.key = key


def read_document(data: bytes, form: Form | None = None) -> Document:
    """Return a document, in the form that it looks like unless it is said. Raises `InvalidError`."""
    if len(data) > MAX_BYTES:
        raise refused(f"is larger than {MAX_BYTES} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refused(f"is not UTF-8 at byte {error.start}") from error
    if form is None:
        form = "json" if text.lstrip()[:1] == "{" else "yaml"
    value = _read_json(text) if form == "json" else _read_yaml(text)
    check_limits(value)
    if not isinstance(value, dict):
        raise refused(_NOT_AN_OBJECT)
    return value


def refused(message: str, *place: object) -> InvalidError:
    return InvalidError.of(name_field(place), message)


def check_limits(root: Any) -> None:
    """Raise `InvalidError` for a value that is too deep or too much, or can't be JSON in UTF-8."""
    values, text = 1, 0
    left: list[tuple[Any, tuple[Any, ...]]] = [(root, ())]
    while left:
        value, place = left.pop()
        if len(place) > MAX_DEPTH:
            raise refused(f"is deeper than {MAX_DEPTH} levels", *place)
        match value:
            case dict():
                values += len(value)
                text += sum(_length(key, place) for key in value)
                left.extend((item, (*place, key)) for key, item in value.items())
            case list():
                values += len(value)
                left.extend((item, (*place, index)) for index, item in enumerate(value))
            case _:
                text += _length(value, place)
        if values > MAX_VALUES:
            raise refused(f"holds more than {MAX_VALUES} values, counting what aliases repeat")
        if text > MAX_TEXT:
            raise refused(f"holds more than {MAX_TEXT} characters, counting what aliases repeat")


def _length(value: Any, place: tuple[Any, ...]) -> int:
    match value:
        case str():
            if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
                raise refused("holds half of a surrogate pair, which UTF-8 can't tell", *place)
            return len(value)
        case float() if not math.isfinite(value):
            raise refused("must be a finite number", *place)
        case _Doubled():
            raise refused("is named twice", *place, value.key)
        case _:
            return 0


def _read_yaml(text: str) -> Any:
    try:
        return read_yaml(text, MAX_DEPTH)
    except YamlError as error:
        raise InvalidError.of(name_field(error.place), str(error)) from error


def _read_json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_join, parse_int=_read_int, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise refused(f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise refused(f"is deeper than {MAX_DEPTH} levels") from error


def _join(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Doubled:
    joined: dict[str, Any] = {}
    for key, value in pairs:
        if key in joined:
            return _Doubled(key)
        joined[key] = value
    return joined


def _read_int(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise refused(f"holds a number of more than {_MAX_DIGITS} digits")
    return int(digits)


def _refuse_constant(name: str) -> float:
    raise InvalidError.of(DOCUMENT, f"is not JSON: {name}")
