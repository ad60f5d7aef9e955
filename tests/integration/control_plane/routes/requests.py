"""Requests as an OpenAPI document describes them, or somewhat beside it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from hypothesis import strategies as st

from tests.integration.control_plane.routes.holdings import Holding

NAMES: Final = ("Gold", "Unlimited", "subscriber", "partner")
"""Of what is there from the start."""

Schema = Mapping[str, Any]
Made = st.SearchStrategy[Any]

_DEEPEST: Final = 6
_MOST_ITEMS: Final = 3
_TEXT: Final = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_IN_PATH: Final = _TEXT.filter(lambda text: text not in ("", ".", "..") and "/" not in text)
_RUBBISH: Final[Made] = st.one_of(
    st.sampled_from([None, True, 0, -1, 1 << 63, 1 << 70, 1e308, "", "\0", "\ud800", "a" * 3000, [], {}, [[]]]),
    _TEXT,
    st.recursive(st.none(), lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_TEXT, inner, max_size=2)),
)
_URLS: Final = ("ws://127.0.0.1:9", "wss://127.0.0.1:9/a?b#c", "http://127.0.0.1:9", "https://[::1", "ws://", "nothing")
"""In the place of made-up ones: no name is looked up."""
_VERSIONS: Final = ('"1"', '"2"', "*", 'W/"1"', "1", "")


class Requests:
    """Makes requests for the operations of a document, for what is held as a rule.

    One part in eight is not what the document asks for, unless they are to be `right`.
    """

    def __init__(self, document: Mapping[str, Any], holdings: Sequence[Holding], *, right: bool) -> None:
        self._document = document
        self._holdings = holdings
        self._right = right
        self._known = st.sampled_from([*NAMES, *(id_ for holding in holdings for id_ in holding.ids.values())])

    def of(self, method: str, path: str) -> Made:
        """Return a strategy of what an HTTP client is called with."""
        operation = self._document["paths"][path][method]
        places: dict[str, dict[str, Made]] = {"path": {}, "query": {}, "header": {}, "cookie": {}}
        for parameter in operation.get("parameters", ()):
            places[parameter["in"]][parameter["name"]] = self._parameter(parameter, path)
        return st.builds(
            lambda ids, query, headers, body: {
                "method": method.upper(),
                "url": path.format_map({name: quote(value, safe="") for name, value in ids.items()}),
                "params": {name: _as_text(value) for name, value in query.items()},
                "headers": headers | body[0],
                "content": body[1],
            },
            st.fixed_dictionaries(places["path"]),
            st.fixed_dictionaries({}, optional=places["query"]),
            st.fixed_dictionaries({}, optional=places["header"]),
            self._body(operation.get("requestBody")),
        )

    def _parameter(self, parameter: Schema, path: str) -> Made:
        if parameter["in"] == "header":
            return st.sampled_from(_VERSIONS)
        if parameter["in"] == "path":
            kind = path.partition(f"/{{{parameter['name']}}}")[0].rpartition("/")[2]
            held = st.sampled_from([holding.ids[kind] for holding in self._holdings])
            return held if self._right else st.one_of(held, self._known, _IN_PATH)
        return self._value(parameter["schema"], 0).filter(lambda value: "\ud800" not in _as_text(value))

    def _body(self, body: Schema | None) -> st.SearchStrategy[tuple[dict[str, str], bytes]]:
        if body is None:
            return st.just(({}, b""))
        known = ("application/json", "application/x-www-form-urlencoded")
        kind = next((kind for kind in known if kind in body["content"]), None)
        if kind is None:  # a file
            return st.tuples(st.just({}), st.binary(max_size=20))
        schema = body["content"][kind].get("schema", {})
        headers = {"Content-Type": kind}
        if kind == "application/json":
            sent = self._value(schema, 0).map(lambda value: json.dumps(value).encode())
            broken = [] if self._right else [st.binary(max_size=20)]
            return st.tuples(st.just(headers), st.one_of(sent, sent, sent, *broken))
        pairs = self._value(schema, 0).map(lambda form: form if isinstance(form, dict) else {})
        encoded = pairs.map(
            lambda form: "&".join(f"{quote(str(key))}={quote(_as_text(form[key]), errors='replace')}" for key in form)
        )
        return st.tuples(st.just(headers), encoded.map(str.encode))

    def _value(self, schema: Schema, depth: int) -> Made:
        """Return what a schema allows, or what may not stand there."""
        if depth > _DEEPEST:
            return _RUBBISH
        named = self._named(schema, depth)
        made = self._typed(schema, depth) if named is None else named
        return made if self._right else st.integers(1, 8).flatmap(lambda drawn: _RUBBISH if drawn == 8 else made)

    def _named(self, schema: Schema, depth: int) -> Made | None:
        """Return what a schema lists or refers to."""
        if "$ref" in schema:
            return self._value(self._document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], depth + 1)
        if "const" in schema:
            return st.just(schema["const"])
        if "enum" in schema:
            return st.sampled_from(schema["enum"])
        for choice in ("anyOf", "oneOf"):
            if choice in schema:
                return st.one_of([self._value(each, depth + 1) for each in schema[choice]])
        return None

    def _typed(self, schema: Schema, depth: int) -> Made:
        simple: dict[str | None, Made] = {"boolean": st.booleans(), "null": st.none()}
        match schema.get("type"):
            case "object":
                return self._object(schema, depth)
            case "array":
                least, most = schema.get("minItems", 0), schema.get("maxItems", _MOST_ITEMS)
                items = self._value(schema.get("items", {}), depth + 1)
                return st.lists(items, min_size=least, max_size=max(least, min(most, _MOST_ITEMS)))
            case "string":
                return self._string(schema)
            case "integer" | "number":
                return st.integers(schema.get("minimum", -5), schema.get("maximum", 1 << 40))
            case kind:
                return simple.get(kind, _RUBBISH)

    def _object(self, schema: Schema, depth: int) -> Made:
        properties = {name: self._value(each, depth + 1) for name, each in schema.get("properties", {}).items()}
        required = set(schema.get("required", ()))
        named = st.fixed_dictionaries(
            {name: made for name, made in properties.items() if name in required},
            optional={name: made for name, made in properties.items() if name not in required},
        )
        more = schema.get("additionalProperties", not properties)
        if not more:
            return named
        others = self._value(more if isinstance(more, dict) else {}, depth + 1)
        return st.builds(lambda one, two: {**one, **two}, named, st.dictionaries(_TEXT, others, max_size=2))

    def _string(self, schema: Schema) -> Made:
        if "uri" in schema.get("format", "") or "://" in schema.get("pattern", ""):
            return st.sampled_from(_URLS)
        if schema.get("format") == "date-time":
            return st.datetimes().map(lambda time: f"{time.isoformat()}Z")
        pattern = schema.get("pattern")
        most = min(schema.get("maxLength", 12), 40)
        text = (
            st.from_regex(pattern) if pattern else st.text(_PLAIN, min_size=schema.get("minLength", 0), max_size=most)
        )
        return st.one_of(text, text, self._known)


_PLAIN: Final = st.characters(exclude_categories=["Cs", "Cc"])


def _as_text(value: Any) -> str:
    """Return a value as it stands in a query or a form."""
    return value if isinstance(value, str) else json.dumps(value)
