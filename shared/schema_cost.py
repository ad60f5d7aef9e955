"""What it may cost to hold a value against a JSON Schema: each part as often as it may be asked about one value."""

import math
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

MAX_DEPTH: Final = 50
"""Of a message."""

MAX_PARTS: Final = 10_000
"""Of a schema, with what it refers to in the place of each reference."""

MAX_CHAIN: Final = 100
"""Of schemas that refer to one another."""

_REF: Final = "$ref"
_NAMED: Final = frozenset({"dependencies", "dependentSchemas", "patternProperties", "properties"})
_DATA: Final = frozenset({"const", "enum"})
_DEFINITIONS: Final = ("$defs", "definitions")
_UNEVALUATED: Final = frozenset({"unevaluatedItems", "unevaluatedProperties"})
_UNEVALUATED_TIMES: Final = 10
"""To know what is unevaluated, the library asks all that stands beside it again, and so on within that."""

_APART: Final = frozenset({"additionalItems", "additionalProperties", "items", "prefixItems", "properties"})
"""No two of these, in one schema, are asked about the same value; nor are two entries of one."""

_FORMATS_A_PATTERN: Final = 10

MIN_MULTIPLE: Final = Decimal("1e-9")
MAX_DECIMALS: Final = 15
_MULTIPLE_PARTS: Final = 300
"""A multiple is told by long division: some microseconds for a number of 300 digits, a hundred times any other part."""


_NUMBER_PARTS: Final = 100
"""Of one in `const` or `enum`: the library compares exactly, in some microseconds unless both are whole."""


class CostlyError(ValueError):
    """A schema that is not to be checked. `reference` leads to its costly part, `#` to the schema itself."""

    def __init__(self, message: str, reference: str = "#") -> None:
        super().__init__(message)
        self.reference = reference


@dataclass(frozen=True, slots=True)
class Cost:
    """Keywords and values, and tenths of patterns: some formats read long texts too, if not as slowly."""

    parts: int = 0
    tenths: int = 0

    @property
    def patterns(self) -> int:
        return math.ceil(self.tenths / _FORMATS_A_PATTERN)

    def plus(self, other: "Cost", times: int = 1) -> "Cost":
        return Cost(self.parts + times * other.parts, self.tenths + times * other.tenths)


def measure(schema: Any) -> Cost:
    """Return the cost of a schema that stands alone. Raises `CostlyError` where it is too much, or can't be told."""
    try:
        return _Schemas(schema).measure()
    except RecursionError as error:
        raise CostlyError("is too deep") from error


class _Schemas:
    """A schema and its definitions. Those that refer to one another in a circle make a group, and cost as one."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._costs: dict[str, Cost] = {}
        self._recursive: set[str] = set()  # what refers to itself, or to what does
        self._met: dict[str, int] = {}
        self._open: list[str] = []

    def measure(self) -> Cost:
        self._visit("#", 0)
        return self._costs["#"]

    def _visit(self, name: str, depth: int) -> int:
        """Find groups by Tarjan's algorithm, the lowest first; return the first that this one leads back to."""
        if depth > MAX_CHAIN:
            raise CostlyError(f"refers to schemas that refer to others, over {MAX_CHAIN} times", name)
        first = self._met[name] = len(self._met)
        self._open.append(name)
        for other in self._references(name):
            if other not in self._met:
                first = min(first, self._visit(other, depth + 1))
            elif other not in self._costs:
                first = min(first, self._met[other])
        if first == self._met[name]:
            start = self._open.index(name)
            group, self._open = self._open[start:], self._open[:start]
            self._close(group)
        return first

    def _close(self, group: list[str]) -> None:
        circle = len(group) > 1 or group[0] in self._references(group[0])
        cost = Cost()
        for name in group:
            schema = self._find(name)
            if circle and _count_ways(schema, group) > 1:
                raise CostlyError("refers to itself, and in more than one way that may lead to the same value", name)
            cost = cost.plus(_weigh(schema, lambda other: self._follow(other, group, circle=circle)))
            if cost.parts > MAX_PARTS:
                raise CostlyError(f"has over {MAX_PARTS} parts, with all that it refers to in its place", name)
            if circle or self._recursive & self._references(name).keys():
                self._recursive.update(group)
        self._costs.update(dict.fromkeys(group, cost))

    def _follow(self, name: str, group: list[str], *, circle: bool) -> Cost:
        """Return what a reference costs. One circle within another is gone through from each depth of a message."""
        if name in group:
            return Cost(1)
        return Cost().plus(self._costs[name], MAX_DEPTH if circle and name in self._recursive else 1)

    def _references(self, name: str) -> dict[str, None]:
        found: dict[str, None] = {}

        def note(other: str) -> Cost:
            found[other] = None
            return Cost()

        _weigh(self._find(name), note)
        return found

    def _find(self, name: str) -> Any:
        if name == "#":
            root = self._root
            return {key: root[key] for key in root if key not in _DEFINITIONS} if isinstance(root, dict) else root
        start, _, entry = name.rpartition("/")
        try:
            return self._root[start.removeprefix("#/")][entry]
        except (KeyError, TypeError) as error:
            raise CostlyError("refers to what is none of its definitions", name) from error


def _weigh(schema: Any, follow: Callable[[str], Cost]) -> Cost:
    """Return the cost of a schema, with that of others where it refers to them."""
    if not isinstance(schema, dict):
        return Cost(_count(schema))
    cost = Cost(1)
    for key, value in schema.items():
        cost = cost.plus(_weigh_keyword(key, value, follow))
    return Cost().plus(cost, _times(schema))


def _weigh_keyword(key: str, value: Any, follow: Callable[[str], Cost]) -> Cost:
    if key == _REF and isinstance(value, str):
        return Cost(1).plus(follow(value))
    if key in _DATA:
        return Cost(_count(value))
    if key == "multipleOf":
        _check_multiple(value)
        return Cost(_MULTIPLE_PARTS)
    cost = Cost(1, {"pattern": _FORMATS_A_PATTERN, "format": 1}.get(key, 0))
    if key == "patternProperties" and isinstance(value, dict):
        cost = cost.plus(Cost(0, _FORMATS_A_PATTERN * len(value)))
    for entry in _entries(key, value):
        cost = cost.plus(_weigh(entry, follow))
    return cost


def _check_multiple(value: Any) -> None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        exact = Decimal(str(value))
        digits = exact.as_tuple().exponent
        if not (isinstance(digits, int) and exact >= MIN_MULTIPLE and -digits <= MAX_DECIMALS):
            raise CostlyError(f"has a multipleOf that is under {MIN_MULTIPLE}, or has over {MAX_DECIMALS} decimals")


def _count_ways(schema: Any, group: Container[str]) -> int:
    """Return in how many ways a schema asks those of a group about the same value."""
    if not isinstance(schema, dict):
        return 0
    ways, apart = int(schema.get(_REF) in group), 0
    for key, value in schema.items():
        found = [] if key in _DATA else [_count_ways(entry, group) for entry in _entries(key, value)]
        if key in _APART:
            apart = max(apart, *found, 0)
        else:
            ways += sum(found)
    return (ways + apart) * _times(schema)


def _times(schema: dict[str, Any]) -> int:
    return _UNEVALUATED_TIMES if _UNEVALUATED & schema.keys() else 1


def _entries(key: str, value: Any) -> Iterable[Any]:
    """Return the schemas under a keyword."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        return value.values() if key in _NAMED else [value]
    return ()


def _count(value: Any) -> int:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (_NUMBER_PARTS if type(value) in (int, float) else 1) + sum(map(_count, items))
