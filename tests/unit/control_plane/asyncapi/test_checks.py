"""From a document to what pods hold messages against."""

import json
from collections.abc import Mapping
from typing import Any, Final

import pytest
from jsonschema_rs import validator_for

from services.control_plane.asyncapi.checking import check
from services.control_plane.asyncapi.checks import MAX_BYTES, find_checks
from services.control_plane.asyncapi.message_schemas import MAX_BYTES as MAX_SCHEMA_BYTES
from services.control_plane.asyncapi.traffic import path_of
from services.control_plane.kit.problems import InvalidError
from shared.limits import Direction
from shared.validation import OnInvalid, Validation
from tests.integration.control_plane.asyncapi.mutants import CHAT_2, CHAT_3, GONE, change

PUBLISH: Final[Mapping[Direction, OnInvalid]] = {"publish": "close", "subscribe": "off"}
BOTH: Final[Mapping[Direction, OnInvalid]] = {"publish": "close", "subscribe": "report"}

SAID: Final = "components.messages.said"


def find(document: dict[str, Any], asked: Mapping[Direction, OnInvalid] = PUBLISH) -> Validation:
    return find_checks(check(document), asked)


def refused(document: dict[str, Any], asked: Mapping[Direction, OnInvalid] = PUBLISH) -> tuple[str, str]:
    with pytest.raises(InvalidError) as caught:
        find(document, asked)
    error = caught.value.members["errors"][0]
    return error["field"], error["message"]


def accepts(validation: Validation, path: str | None, direction: Direction, value: Any) -> bool:
    """Ask as a pod does, but that the path is the channel's own."""
    channel = next(item for item in validation.channels if item.path == path)
    return any(
        validator_for(json.loads(validation.schemas[number].text)).is_valid(value)
        for number in getattr(channel, direction)
    )


def test_messages_are_found_by_channel_and_direction() -> None:
    found = find(CHAT_3)
    assert (found.publish, found.subscribe) == ("close", "off")
    assert [channel.path for channel in found.channels] == [None, "/rooms/{id}"]
    for path in (None, "/rooms/{id}"):
        assert accepts(found, path, "publish", {"text": "hello"})
        assert not accepts(found, path, "publish", {"text": 1})
    assert not any(channel.subscribe for channel in found.channels)


def test_version_2_is_told_as_3() -> None:
    found = find(CHAT_2, BOTH)
    assert accepts(found, "/rooms/{id}", "publish", {})
    assert not accepts(found, "/rooms/{id}", "publish", "text")
    assert accepts(found, "/rooms/{id}", "subscribe", "text")


def test_a_reply_goes_the_other_way_on_the_same_channel() -> None:
    reply = {"channel": {"$ref": "#/channels/lobby"}, "messages": [{"$ref": "#/channels/lobby/messages/said"}]}
    found = find(change(CHAT_3, {"operations.say.reply": reply}), BOTH)
    assert accepts(found, "/rooms/{id}", "subscribe", "a text, as in the lobby")
    assert not accepts(found, "/rooms/{id}", "subscribe", {})


@pytest.mark.parametrize("address", [None, "room.said"])
def test_a_channel_that_is_no_path_counts_everywhere(address: str | None) -> None:
    document = change(CHAT_3, {"channels.room.address": address, "channels.room.parameters": GONE})
    found = find(document)
    assert {channel.path for channel in found.channels} == ({None} if address is None else {None, "/room.said"})
    assert accepts(found, None, "publish", {"text": "hello"})


@pytest.mark.parametrize(
    ("address", "path"),
    [("/a/{b}/", "/a/{b}"), ("a", "/a"), ("/", "/"), (None, None), ("", None), ("a b", None), ("/a//b", None)],
)
def test_an_address_is_a_path_if_it_can_be_one(address: str | None, path: str | None) -> None:
    assert path_of(address) == path


def test_only_what_is_asked_for_has_to_be_there() -> None:
    nothing: Mapping[Direction, OnInvalid] = {"publish": "off", "subscribe": "off"}
    assert find_checks({}, nothing) == Validation()
    field, message = refused(CHAT_3, {"publish": "off", "subscribe": "drop"})
    assert field == "validation.subscribe"
    assert "what the API sends" in message
    assert "needs an AsyncAPI document" in message


def test_a_schema_stands_alone_with_what_it_refers_to() -> None:
    schemas = {
        "said": {
            "$id": "https://example.com/said",
            "title": "What was said",
            "type": "object",
            "required": ["text"],
            "properties": {
                "text": {"$ref": "#/components/schemas/text"},
                "answers": {"type": "array", "items": {"$ref": "#/components/schemas/said"}},
            },
            "examples": [{"text": "example"}],
        },
        "text": {"type": "string", "pattern": "^[a-z]+$", "format": "regex"},
    }
    (schema,) = find(change(CHAT_3, {"components.schemas": schemas})).schemas
    assert schema.patterns == 2  # of the message itself, and of an answer
    assert schema.parts > 10
    assert "example" not in schema.text
    validator = validator_for(json.loads(schema.text), offline=True)
    assert validator.is_valid({"text": "a", "answers": [{"text": "b"}]})
    assert not validator.is_valid({"text": "a", "answers": [{"text": "B"}]})
    assert not validator.is_valid({"text": "a", "answers": [{}]})


def test_patterns_are_counted_and_formats_a_little() -> None:
    formats = {f"f{number}": {"type": "string", "format": "email"} for number in range(11)}
    payload = {"properties": formats | {"a": {"pattern": "a"}}, "patternProperties": {"^x": True, "^y": True}}
    (schema,) = find(change(CHAT_3, {f"{SAID}.payload": payload})).schemas
    assert schema.patterns == 5


SCHEMA_2020: Final = {
    "allOf": [{"$ref": "#/components/schemas/said", "minItems": 1}],
    "prefixItems": [{"type": "integer"}],
}


WRONG: Final[list[Any]] = [[], ["x"], {}]


@pytest.mark.parametrize(
    "payload",
    [
        {"schemaFormat": "application/schema+json;version=2020-12", "schema": SCHEMA_2020},
        {"$schema": "https://json-schema.org/draft/2020-12/schema", **SCHEMA_2020},
    ],
)
def test_2020_12_is_known(payload: dict[str, Any]) -> None:
    document = change(CHAT_3, {f"{SAID}.payload": payload, "components.schemas.said": {"type": "array"}})
    found = find(document)
    assert accepts(found, None, "publish", [1])
    assert not any(accepts(found, None, "publish", wrong) for wrong in WRONG)


PAYLOAD: Final = f"{SAID}.payload"
PLACE: Final = "/operations/say/messages/0"
DOUBLED: Final = {"allOf": [{"$ref": "#/components/schemas/a0"}, {"allOf": [{"$ref": "#/components/schemas/a0"}]}]}
DOUBLINGS: Final = {f"a{link}": json.loads(json.dumps(DOUBLED).replace("a0", f"a{link + 1}")) for link in range(26)} | {
    "a26": {"type": "string"}
}
REFUSED: Final[dict[str, tuple[dict[str, Any], str, str]]] = {
    "nothing to hold it against": ({PAYLOAD: GONE}, PLACE, "must have a JSON Schema"),
    "another format": (
        {PAYLOAD: {"schemaFormat": "application/vnd.apache.avro;version=1.9.0", "schema": {"type": "string"}}},
        f"{PLACE}/payload/schemaFormat",
        "must be JSON Schema",
    ),
    "another dialect": (
        {f"{PAYLOAD}": {"$schema": "http://json-schema.org/draft-04/schema#"}},
        f"{PLACE}/payload/$schema",
        "must be draft 7 or 2020-12",
    ),
    "no JSON": ({f"{SAID}.contentType": "text/plain"}, f"{PLACE}/contentType", "is not JSON"),
    "a pattern of too many states": (
        {PAYLOAD: {"type": "string", "pattern": "^(a|b){1,900}(c|d){1,900}$"}},
        f"{PLACE}/payload",
        "can't be checked",
    ),
    "a pattern that looks back": (
        {PAYLOAD: {"type": "string", "pattern": "(a)\\1"}},
        f"{PLACE}/payload",
        "can't be checked",
    ),
    "more than it looks": (
        {PAYLOAD: {"$ref": "#/components/schemas/a0"}, "components.schemas": DOUBLINGS},
        f"{PLACE}/payload",
        "#/components/schemas/a",
    ),
    "itself in two ways": (
        {PAYLOAD: {"$ref": "#/components/schemas/a0"}, "components.schemas": DOUBLINGS | {"a3": DOUBLED}},
        f"{PLACE}/payload",
        "refers to itself, and in more than one way",
    ),
    "a multiple that is too fine": (
        {PAYLOAD: {"type": "number", "multipleOf": 1e-300}},
        f"{PLACE}/payload",
        "multipleOf",
    ),
    "more than is good": (
        {PAYLOAD: {"enum": ["x" * 100 + str(number) for number in range(MAX_SCHEMA_BYTES // 100)]}},
        f"{PLACE}/payload",
        "is over",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_not_be_checked_is_refused_by_its_place(name: str) -> None:
    changes, field, message = REFUSED[name]
    found_field, found_message = refused(change(CHAT_3, changes))
    assert found_field == field
    assert message in found_message


def test_all_schemas_together_have_a_bound() -> None:
    size = MAX_SCHEMA_BYTES // 2
    count = MAX_BYTES // size + 1
    messages = {f"m{number}": {"payload": {"const": str(number) * size}} for number in range(count)}
    document = change(CHAT_3, {"channels.room.messages": messages, "operations.say.messages": GONE})
    assert refused(document)[0] == "document"
