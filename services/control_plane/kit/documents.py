"""JSON and YAML from outside, read with limits into what JSON can say.

YAML is read by its core schema (YAML 1.2.2, section 10.3): `no` and `2026-01-01` are texts. Keys are texts too, as they
are in JSON. Anchors, aliases, tags but `!!str`, keys that stand twice and numbers without end are refused.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml
from yaml import CSafeLoader

MAX_BYTES: Final = 1 << 20
MAX_DEPTH: Final = 50
MAX_DIGITS: Final = 1000

_DEEPER: Final = "exceeded maximum nesting depth"  # libyaml's own limit: it reads ahead
_STR_TAG: Final = "tag:yaml.org,2002:str"
_WORDS: Final[Mapping[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER: Final = re.compile(r"[-+]?[0-9]+")
_OTHER_BASE: Final = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_ENDLESS: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


class DocumentError(ValueError):
    """A document that is not taken, and the keys and indexes that lead to the place in it."""

    def __init__(self, message: str, *path: str) -> None:
        super().__init__(message)
        self.path = path

    @property
    def place(self) -> str:
        """The place as other errors name fields: `apis.0.name`."""
        return ".".join(self.path)


class _Writer(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


class UnreadableError(DocumentError):
    """A document that is neither JSON nor YAML."""


def read_json(content: bytes, max_bytes: int = MAX_BYTES) -> Any:
    """Return what a JSON text holds. Raises `DocumentError`."""
    text = _decode(content, max_bytes)
    try:
        value = json.loads(
            text, object_pairs_hook=_unique, parse_float=_finite, parse_constant=_finite, parse_int=_integer
        )
    except RecursionError as error:
        raise _too_deep() from error
    except json.JSONDecodeError as error:
        raise UnreadableError(f"not JSON: {error.msg}, line {error.lineno}, column {error.colno}") from error
    _check(value, [])
    return value


def write_yaml(value: Any) -> str:
    """Return a value as YAML, each part as often as it stands in it."""
    return yaml.dump(value, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=120)


def read_yaml(content: bytes, max_bytes: int = MAX_BYTES) -> Any:
    """Return what a YAML text of one document holds. Raises `DocumentError`."""
    text = _decode(content, max_bytes)
    try:
        value = _Builder(yaml.parse(text, Loader=CSafeLoader)).build()
    except yaml.MarkedYAMLError as error:
        if error.problem == _DEEPER:
            raise _too_deep() from error
        mark = error.problem_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise UnreadableError(f"not YAML: {error.problem or error.context}{where}") from error
    except yaml.YAMLError as error:
        raise UnreadableError("not YAML: it holds a character that YAML doesn't allow") from error
    _check(value, [])
    return value


class _Builder:
    """Builds a value from a parser's events, so that nothing is built of what is refused."""

    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self._events = events
        self._place: list[str] = []

    def build(self) -> Any:
        value = None
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise DocumentError("holds several documents: only one is read")
            elif isinstance(event, yaml.NodeEvent):
                value = self._value(event)
        return value

    def _value(self, event: yaml.Event) -> Any:
        self._check_plain(event)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if len(self._place) >= MAX_DEPTH:
            raise _too_deep()
        return self._mapping() if isinstance(event, yaml.MappingStartEvent) else self._sequence()

    def _check_plain(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise self._refuse("anchors and aliases are not taken: write it out")
        if getattr(event, "tag", None) not in (None, "!", _STR_TAG):
            raise self._refuse("tags are not taken")

    def _sequence(self) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            self._place.append(str(len(items)))
            items.append(self._value(event))
            self._place.pop()
        return items

    def _mapping(self) -> dict[str, Any]:
        members: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            self._check_plain(event)
            if not isinstance(event, yaml.ScalarEvent):
                raise self._refuse("a key must be a text")
            self._place.append(event.value)
            if event.value in members:
                raise self._refuse("stands there twice")
            members[event.value] = self._value(next(self._events))
            self._place.pop()
        return members

    def _scalar(self, event: yaml.ScalarEvent) -> Any:
        if event.tag or not event.implicit[0]:  # a text by its tag, or quoted
            return event.value
        try:
            return _resolve(event.value)
        except DocumentError as error:
            raise self._refuse(str(error)) from error

    def _refuse(self, message: str) -> DocumentError:
        return DocumentError(message, *self._place)


def _resolve(text: str) -> Any:
    """Return what a plain scalar stands for (YAML 1.2.2, section 10.3.2)."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _OTHER_BASE.fullmatch(text):
        return _integer(text, 0)
    if _FLOAT.fullmatch(text) or _ENDLESS.fullmatch(text):
        return _finite(text.replace(".", "", 1) if _ENDLESS.fullmatch(text) else text)
    return text


def _decode(content: bytes, max_bytes: int) -> str:
    if len(content) > max_bytes:
        raise DocumentError(f"is longer than {max_bytes} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableError("must be UTF-8") from error


class _Twice:
    """Stands for an object that names a key twice: its place is found later."""

    def __init__(self, name: str) -> None:
        self.name = name


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Twice:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            return _Twice(name)
        members[name] = value
    return members


def _integer(text: str, base: int = 10) -> int:
    if len(text) > MAX_DIGITS:  # Python writes no more than a few thousand digits, and reads more in base 8 and 16
        raise DocumentError("a number is too long")
    return int(text, base)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise DocumentError("a number must be finite")
    return number


def _check(value: Any, path: list[str]) -> None:
    """Refuse what is nested too deep, keys that stand twice, and halves of characters, which no database takes.

    It calls itself no deeper than documents may be, and holds one path for all their values.
    """
    if isinstance(value, str) and _SURROGATE.search(value):
        raise DocumentError("holds half a character: a surrogate without the other", *path)
    if isinstance(value, _Twice):
        raise DocumentError("stands there twice", *path, value.name)
    if not isinstance(value, dict | list):
        return
    if len(path) == MAX_DEPTH:
        raise _too_deep()
    for name, below in value.items() if isinstance(value, dict) else enumerate(value):
        _check(name, path)
        path.append(str(name))
        _check(below, path)
        path.pop()


def _too_deep() -> DocumentError:
    return DocumentError(f"is nested deeper than {MAX_DEPTH} levels")
