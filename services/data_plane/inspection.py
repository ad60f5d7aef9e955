"""What an API's messages are held against. Made with the route table; no message and no schema takes long to check."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from jsonschema_rs import ReferencingError, RegexOptions, ValidationError, Validator, validator_for

from services.data_plane.paths import find_path
from shared.definition import ApiDefinition, ApiId
from shared.limits import Direction
from shared.schema_cost import MAX_DEPTH, measure
from shared.validation import MAX_PATTERN_BYTES, ChannelMessages, MessageSchema, OnInvalid, Validation

log = logging.getLogger(__name__)

MAX_VALUES: Final = 10_000
"""Of a message. Told by its commas and brackets, those in texts included."""

MAX_STEPS: Final = 2_000_000
"""Values of a message, times parts of the schemas that it may have."""

MAX_DIGITS: Final = 40
"""Of a number, and of the power of ten in it: numbers are compared digit by digit."""

MAX_PATTERN_STEPS: Final = 256 * 1024
"""Bytes of a message, times regular expressions of the schemas that it may have."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The schemas of one direction of a path, and what happens to a message that has none of them."""

    action: OnInvalid
    validators: tuple[Validator, ...] = ()
    parts: int = 0
    patterns: int = 0

    def accept(self, payload: bytes) -> bool:
        """Tell whether a message is JSON, within bounds, and valid. What would take too long to say is not."""
        opened = payload.count(b"[") + payload.count(b"{")
        values = payload.count(b",") + opened + 1
        if values > MAX_VALUES or values * self.parts > MAX_STEPS or len(payload) * self.patterns > MAX_PATTERN_STEPS:
            return False
        try:
            value = _DECODER.decode(payload.decode())
        except (ValueError, RecursionError):  # a ValueError: no UTF-8, no JSON, or a number with too many digits
            return False
        if opened > MAX_DEPTH and _is_deep(value):
            return False
        try:
            return any(validator.is_valid(value) for validator in self.validators)
        except ValueError:  # half of a surrogate pair, which JSON can write and the library can't read
            return False


@dataclass(frozen=True, slots=True)
class ReadSchema:
    """A schema, and what it costs by what it says itself."""

    validator: Validator
    parts: int
    patterns: int


def rule(action: OnInvalid, schemas: Sequence[ReadSchema]) -> Rules:
    return Rules(
        action,
        tuple(schema.validator for schema in schemas),
        sum(schema.parts for schema in schemas),
        sum(schema.patterns for schema in schemas),
    )


@dataclass(frozen=True, slots=True)
class Checks:
    """What a connection's messages are held against; None where a direction is not checked."""

    publish: Rules | None
    subscribe: Rules | None

    @property
    def droppable(self) -> frozenset[Direction]:
        """The directions in which a message may be dropped."""
        named: dict[Direction, Rules | None] = {"publish": self.publish, "subscribe": self.subscribe}
        return frozenset(way for way, rules in named.items() if rules is not None and rules.action == "drop")


class Inspection:
    """The checks of an API, by path."""

    def __init__(self, validation: Validation) -> None:
        """Raise `ValueError` or `IndexError` where it can't be read."""
        self.source = validation
        self._schemas = [read_schema(schema) for schema in validation.schemas]
        named = [channel for channel in validation.channels if channel.path is not None]
        self._paths = [_Path(channel.path or "", self._check(channel)) for channel in named]
        others = (channel for channel in validation.channels if channel.path is None)
        self._rest = self._check(next(others, ChannelMessages()))

    def of(self, rest: str) -> Checks:
        """Return the checks for what was asked for behind context and version. Raises `RefusedError`."""
        path = find_path(self._paths, rest)
        return self._rest if path is None else path.checks

    def _check(self, channel: ChannelMessages) -> Checks:
        source = self.source
        return Checks(self._rule(source.publish, channel.publish), self._rule(source.subscribe, channel.subscribe))

    def _rule(self, action: OnInvalid, named: tuple[int, ...]) -> Rules | None:
        if action == "off":
            return None
        return rule(action, [self._schemas[index] for index in named])


@dataclass(frozen=True, slots=True)
class _Path:
    path: str
    checks: Checks


def inspect_all(
    apis: Mapping[ApiId, ApiDefinition], known: Mapping[ApiId, Inspection | None]
) -> dict[ApiId, Inspection | None]:
    """Return the inspections of the APIs that ask for any, and None for what can't be read."""
    return {
        api.id: _inspect(api.validation, known.get(api.id))
        for api in apis.values()
        if (api.validation.publish, api.validation.subscribe) != ("off", "off")
    }


def _inspect(validation: Validation, known: Inspection | None) -> Inspection | None:
    if known is not None and known.source == validation:
        return known
    try:
        return Inspection(validation)
    except (ValueError, IndexError):
        return None
    except Exception:
        # A fault of ours: it would end every pod, and again whenever one starts.
        log.exception("how messages are to be checked can't be read")
        return None


def read_schema(schema: MessageSchema) -> ReadSchema:
    """Raise `ValueError` where it is none, or costs too much: what its writer says it costs may be too little."""
    written = json.loads(schema.text)
    cost = measure(written)
    options = RegexOptions(size_limit=MAX_PATTERN_BYTES, dfa_size_limit=MAX_PATTERN_BYTES)
    try:
        validator = validator_for(written, validate_formats=True, offline=True, pattern_options=options, mask="it")
    except (ValidationError, ReferencingError) as error:
        raise ValueError(str(error)) from error
    return ReadSchema(validator, cost.parts, cost.patterns)


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        containers = [item for item in level if isinstance(item, dict | list)]
        level = [item for of in containers for item in (of.values() if isinstance(of, dict) else of)]
    return bool(level)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that stands twice: which of the two counts, readers don't agree on."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _read_whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError("a number has too many digits")
    return int(text)


def _read_fraction(text: str) -> float:
    exponent = text.lower().partition("e")[2]
    if len(text) > MAX_DIGITS or (exponent and abs(int(exponent)) > MAX_DIGITS):
        raise ValueError("a number has too many digits")
    return float(text)


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_once, parse_constant=_refuse, parse_int=_read_whole, parse_float=_read_fraction
)
