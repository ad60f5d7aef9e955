"""What changed between two documents, and whether it breaks those who send or those who are sent."""

from typing import Any

import pytest

from services.control_plane.asyncapi.comparing import compare
from services.control_plane.asyncapi.conversion import as_version_3
from services.control_plane.asyncapi.schema_comparing import TooDifferentError
from tests.integration.control_plane.asyncapi.mutants import CHAT_2, CHAT_3, GONE, change

Found = set[tuple[str, bool, str]]

SAID = "/channels/room/messages/said/payload"
TEXT = {"type": "object", "properties": {"text": {"type": "string"}}}


def changes(before: dict[str, Any], after: dict[str, Any]) -> Found:
    found = compare(before, after)
    assert len({(item.kind, item.path) for item in found}) == len(found)
    return {(item.kind, item.breaking, item.path) for item in found}


def of_payload(action: str, before: Any, after: Any) -> Found:
    """Compare two schemas of what an operation receives or sends."""
    base = change(CHAT_3, {"operations.say.action": action})
    place = "components.messages.said.payload"
    found = changes(change(base, {place: before}), change(base, {place: after}))
    return {(kind, breaking, path.removeprefix(SAID)) for kind, breaking, path in found}


def both_ways(before: Any, after: Any) -> tuple[Found, Found]:
    return of_payload("receive", before, after), of_payload("send", before, after)


def test_the_same_has_not_changed() -> None:
    assert changes(CHAT_3, CHAT_3) == set()
    assert changes(as_version_3(CHAT_2), as_version_3(CHAT_2)) == set()


@pytest.mark.parametrize(
    ("made", "found"),
    [
        ({"channels.lobby": GONE}, {("channel_removed", True, "/channels/lobby")}),
        ({"channels.lobby.address": "/hall"}, {
            ("channel_removed", True, "/channels/lobby"),
            ("channel_added", False, "/channels/lobby"),
        }),
        ({"channels.hall": {"address": "/hall"}}, {("channel_added", False, "/channels/hall")}),
        ({"operations": GONE}, {("operation_removed", True, "/operations/say")}),
        ({"operations.say.action": "send"}, {
            ("operation_removed", True, "/operations/say"),
            ("operation_added", False, "/operations/say"),
        }),
        ({"operations.hear": {"action": "send", "channel": {"$ref": "#/channels/room"}}}, {
            ("operation_added", False, "/operations/hear"),
        }),
        ({"channels.room.messages.left": {"payload": {}}, "operations.say.messages": GONE}, {
            ("message_added", False, "/channels/room/messages/left"),
        }),
        ({"channels.room.messages": {"left": {"payload": {}}}, "operations.say.messages": GONE}, {
            ("message_removed", True, "/channels/room/messages/said"),
            ("message_added", False, "/channels/room/messages/left"),
        }),
        ({"info.title": "Talk", "servers": GONE, "components.messages.said.summary": "said"}, set()),
    ],
)  # fmt: skip
def test_channels_operations_and_messages(made: dict[str, Any], found: Found) -> None:
    assert changes(CHAT_3, change(CHAT_3, made)) == found


def test_names_within_the_documents_make_no_difference() -> None:
    named = change(
        CHAT_3,
        {
            "channels": {"hall": CHAT_3["channels"]["room"], "lobby": CHAT_3["channels"]["lobby"]},
            "operations": {
                "speak": {
                    "action": "receive",
                    "channel": {"$ref": "#/channels/hall"},
                    "messages": [{"$ref": "#/channels/hall/messages/said"}],
                }
            },
            "components.messages.said.payload": TEXT,
            "components.schemas": GONE,
        },
    )
    assert changes(CHAT_3, named) == set()


def test_properties() -> None:
    required = TEXT | {"required": ["text"]}
    empty = {"type": "object"}
    added = "/properties/text"
    assert both_ways(empty, TEXT) == ({("property_added", False, added)}, {("property_added", False, added)})
    assert both_ways(empty, required) == ({("property_added", True, added)}, {("property_added", False, added)})
    assert both_ways(TEXT, empty) == ({("property_removed", True, added)}, {("property_removed", True, added)})
    assert both_ways(TEXT, required) == (
        {("property_now_required", True, added)},
        {("property_now_required", False, added)},
    )
    assert both_ways(required, TEXT) == (
        {("property_now_optional", False, added)},
        {("property_now_optional", True, added)},
    )


@pytest.mark.parametrize(
    ("before", "after", "kind", "receive", "send"),
    [
        ({"type": "string"}, {"type": "integer"}, "type_changed", True, True),
        ({"type": "string"}, {"type": ["string", "null"]}, "type_changed", False, True),
        ({"type": "number"}, {"type": "integer"}, "type_changed", True, False),
        ({"type": "string"}, {}, "type_changed", False, True),
        ({"enum": ["a", "b"]}, {"enum": ["a"]}, "values_changed", True, False),
        ({"enum": ["a"]}, {"enum": ["a", "b"]}, "values_changed", False, True),
        ({"const": 1}, {"const": 2}, "values_changed", True, True),
        ({}, {"enum": ["a"]}, "values_changed", True, False),
        ({"const": "a"}, {}, "values_changed", False, True),
        ({}, {"pattern": "^a"}, "schema_changed", True, True),
        ({"items": {}}, {"items": [{}]}, "schema_changed", True, True),
        ({"oneOf": [{}]}, {"oneOf": [{}, {}]}, "schema_changed", True, True),
        (True, {}, "schema_changed", True, True),
        ({}, {"additionalProperties": False}, "schema_changed", True, True),
    ],
)
def test_what_a_value_may_be(before: Any, after: Any, kind: str, receive: bool, send: bool) -> None:
    found = both_ways(before, after)
    assert [{item[:2] for item in direction} for direction in found] == [{(kind, receive)}, {(kind, send)}]


def test_schemas_within_schemas() -> None:
    old, new = {"type": "string"}, {"type": "integer"}
    for keys in (["items"], ["properties", "a"], ["allOf", 0], ["oneOf", 0]):
        wrapped = []
        for schema in (old, new):
            inner: Any = schema
            for key in reversed(keys):
                inner = [inner] if isinstance(key, int) else {key: inner}
            wrapped.append(inner)
        path = "".join(f"/{key}" for key in keys)
        assert of_payload("receive", *wrapped) == {("type_changed", True, path)}
    assert of_payload("receive", {"not": old}, {"not": new}) == {("schema_changed", True, "")}


def test_words_and_the_names_of_references_are_no_change() -> None:
    old = change(CHAT_3, {"components.schemas.text": {"type": "string"}})
    place = "components.messages.said.payload"
    old = change(old, {place: {"not": {"$ref": "#/components/schemas/text"}}})
    new = change(CHAT_3, {place: {"not": {"type": "string"}, "description": "what was said", "x-colour": "red"}})
    assert changes(old, new) == set()


def test_schemas_that_refer_to_themselves_come_to_an_end() -> None:
    recursive = {"components.schemas.said.properties.answer": {"$ref": "#/components/schemas/said"}}
    old = change(CHAT_3, recursive)
    new = change(old, {"components.schemas.said.properties.text.type": "integer"})
    assert changes(old, new) == {("type_changed", True, f"{SAID}/properties/text")}
    strange = {"components.schemas.said": {"not": {"$ref": "#/components/schemas/said"}}}
    assert changes(change(CHAT_3, strange), change(CHAT_3, strange)) == set()


def test_formats_of_schemas() -> None:
    plain, draft = {"type": "string"}, "application/schema+json;version=draft-07"
    assert of_payload("send", plain, {"schemaFormat": draft, "schema": plain}) == set()
    avro = {"schemaFormat": "application/vnd.apache.avro;version=1.9.0", "schema": {"type": "string"}}
    assert of_payload("send", avro, avro) == set()
    assert of_payload("send", avro, avro | {"schema": {"type": "int"}}) == {("schema_changed", True, "")}


@pytest.mark.parametrize("key", ["type", "properties", "required", "enum"])
def test_what_is_no_schema_is_compared_as_it_stands(key: str) -> None:
    odd, other = {"schemaFormat": "text/plain", "schema": {key: 1}}, {"schemaFormat": "text/plain", "schema": {key: 2}}
    for before, after in ((odd, other), ({key: [{}]}, {key: {}})):
        assert of_payload("send", before, before) == set()
        assert of_payload("send", before, after) == {("schema_changed", True, "")}


def test_what_a_format_names_may_be_no_schema() -> None:
    for draft in ("application/schema+json;version=draft-2020-12", 5):
        odd, other = ({"schemaFormat": draft, "schema": {"type": number}} for number in (5, 6))
        assert of_payload("send", odd, odd) == set()
        assert of_payload("send", odd, other) == {("schema_changed", True, "")}


def test_headers_count_too() -> None:
    new = change(CHAT_3, {"components.messages.said.headers": {"type": "object"}})
    assert changes(CHAT_3, new) == {("type_changed", True, "/channels/room/messages/said/headers")}


def test_what_never_ends_is_given_up() -> None:
    chain = {f"s{n}": {"properties": {"a": {"$ref": f"#/components/schemas/s{n + 1}"}}} for n in range(2000)}
    long = change(CHAT_3, {"components.schemas": {**chain, "s2000": {}, "said": {"$ref": "#/components/schemas/s0"}}})
    with pytest.raises(TooDifferentError):
        compare(long, change(long, {}))
    wide = change(CHAT_3, {"components.schemas.said.properties": {f"p{n}": {} for n in range(20_001)}})
    with pytest.raises(TooDifferentError):
        compare(wide, change(wide, {}))
