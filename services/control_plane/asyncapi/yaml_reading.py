"""YAML as JSON knows it: the core schema of YAML 1.2, made from libyaml's events, without any class of Python's."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml
from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
)

_TAG: Final = "tag:yaml.org,2002:"
_MERGE: Final = "<<"
_MAX_NUMBER_LENGTH: Final = 100
_MAX_MERGED: Final = 10_000

# YAML 1.2.2, section 10.3.2
_CONSTANTS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT: Final = re.compile(r"[-+]?[0-9]+")
_BASED: Final = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")

_NOTHING: Final = object()
_MERGING: Final = object()
"""In the place of a key: what follows is merged."""


class YamlError(Exception):
    """What is wrong, and the keys and indexes that lead to it."""

    def __init__(self, message: str, *place: object) -> None:
        super().__init__(message)
        self.place = place


@dataclass(slots=True)
class _Open:
    """A mapping or sequence whose end has not come yet."""

    value: dict[str, Any] | list[Any]
    anchor: str | None
    key: Any = _NOTHING
    merged: dict[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> tuple[object, ...]:
        if isinstance(self.value, list):
            return (len(self.value),)
        return () if self.key is _NOTHING else (_MERGE if self.key is _MERGING else self.key,)

    @property
    def wants_key(self) -> bool:
        return isinstance(self.value, dict) and self.key is _NOTHING

    def close(self) -> dict[str, Any] | list[Any]:
        return {**self.merged, **self.value} if isinstance(self.value, dict) else self.value


def read_yaml(text: str, max_depth: int) -> Any:
    """Return the value of one document. Raises `YamlError`.

    What stands under an alias is the very object that its anchor names: whoever copies or writes it counts first.
    """
    try:
        return _Builder(max_depth).build(yaml.parse(text, Loader=yaml.CSafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise YamlError(f"is not YAML: {error.problem}{where}") from error
    except yaml.YAMLError as error:  # a character that YAML does not allow
        raise YamlError("is not YAML: it holds a character that is not allowed") from error


class _Builder:
    def __init__(self, max_depth: int) -> None:
        self._max_depth = max_depth
        self._stack: list[_Open] = []
        self._anchors: dict[str, Any] = {}
        self._root: Any = _NOTHING
        self._merged = 0

    def build(self, events: Iterator[Event]) -> Any:
        for event in events:
            match event:
                case DocumentStartEvent() if self._root is not _NOTHING:
                    raise YamlError("must be one YAML document, not several")
                case CollectionStartEvent():
                    self._open(event)
                case MappingEndEvent() | SequenceEndEvent():
                    closed = self._stack.pop()
                    self._place(closed.close(), closed.anchor)
                case ScalarEvent():
                    self._place_scalar(event)
                case AliasEvent():
                    if event.anchor not in self._anchors:
                        raise self._refused("is an alias of nothing that is whole before it")
                    self._place(self._anchors[event.anchor], None)
                case _:
                    pass  # where the stream and the document begin and end
        return None if self._root is _NOTHING else self._root

    def _open(self, event: CollectionStartEvent) -> None:
        if self._stack and self._stack[-1].wants_key:
            raise self._refused("has a key that is no text")
        if len(self._stack) > self._max_depth:
            raise self._refused(f"is deeper than {self._max_depth} levels")
        if event.tag not in (None, "!", f"{_TAG}map", f"{_TAG}seq"):
            raise self._refused("has a tag that JSON does not know")
        self._stack.append(_Open({} if isinstance(event, MappingStartEvent) else [], event.anchor))

    def _place_scalar(self, event: ScalarEvent) -> None:
        plain = event.implicit[0] and event.tag is None
        if self._stack and self._stack[-1].wants_key:
            self._remember(event, event.value)
            self._take_key(event.value, merges=plain and event.value == _MERGE)
        else:
            self._place(self._resolve(event.value) if plain else self._read_tagged(event), event.anchor)

    def _place(self, value: Any, anchor: str | None) -> None:
        """Put a finished value where it belongs."""
        if anchor is not None:
            self._anchors[anchor] = value
        if not self._stack:
            self._root = value
            return
        opened = self._stack[-1]
        if isinstance(opened.value, list):
            opened.value.append(value)
        elif opened.wants_key:  # an alias
            self._take_key(value, merges=False)
        elif opened.key is _MERGING:
            self._merge(opened, value)
            opened.key = _NOTHING
        else:
            opened.value[opened.key] = value
            opened.key = _NOTHING

    def _take_key(self, key: Any, *, merges: bool) -> None:
        opened = self._stack[-1]
        if not isinstance(key, str):
            raise self._refused("has a key that is no text")
        opened.key = _MERGING if merges else key
        if not merges and key in opened.value:
            raise self._refused("is named twice")

    def _merge(self, opened: _Open, value: Any) -> None:
        """Take over what a merge key names: the first of several counts, and what stands there itself before all."""
        for mapping in value if isinstance(value, list) else [value]:
            if not isinstance(mapping, dict):
                raise self._refused("must be a mapping, or several")
            self._merged += len(mapping)
            if self._merged > _MAX_MERGED:
                raise self._refused(f"merges more than {_MAX_MERGED} entries")
            opened.merged = {**mapping, **opened.merged}

    def _remember(self, event: NodeEvent, value: Any) -> None:
        if event.anchor is not None:
            self._anchors[event.anchor] = value

    def _read_tagged(self, event: ScalarEvent) -> Any:
        if event.tag in (None, "!", f"{_TAG}str"):
            return event.value
        kinds = {f"{_TAG}int": int, f"{_TAG}float": float, f"{_TAG}bool": bool, f"{_TAG}null": type(None)}
        value = self._resolve(event.value)
        if event.tag not in kinds or not isinstance(value, kinds[event.tag]):
            raise self._refused("has a tag that JSON does not know, or that its value is not of")
        return value

    def _resolve(self, text: str) -> Any:
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _INT.fullmatch(text) or _BASED.fullmatch(text) or _FLOAT.fullmatch(text):
            if len(text) > _MAX_NUMBER_LENGTH:
                raise self._refused(f"is a number of more than {_MAX_NUMBER_LENGTH} characters")
            if _BASED.fullmatch(text):
                return int(text, 0)
            return int(text) if _INT.fullmatch(text) else float(text)
        if _NOT_FINITE.fullmatch(text):
            raise self._refused("must be a finite number")
        return text

    def _refused(self, message: str) -> YamlError:
        return YamlError(message, *(part for opened in self._stack for part in opened.place))
