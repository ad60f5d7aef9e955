"""What messages are held against, and how little time that may take."""

import json
import time
from typing import Any

import pytest

from services.data_plane.inspection import MAX_VALUES, Checks, Inspection, Rules, inspect_all
from services.data_plane.refusal import RefusedError
from shared.definition import ApiDefinition, ApiId, Endpoints
from shared.schema_cost import MAX_DEPTH
from shared.validation import ChannelMessages, MessageSchema, Validation
from tests.support.schemas import CHAT, make_checks, make_schema, make_validation


def rules(schema: Any = CHAT) -> Rules:
    found = make_checks("close", schema=schema).publish
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("payload", "valid"),
    [
        (b'{"say":"hello"}', True),
        (b' {"say":"\\u20ac"} ', True),
        ('{"say":"€"}'.encode(), True),
        (b'{"say":7}', False),
        (b"{}", False),
        (b"", False),
        (b"hello", False),
        (b'{"say":"hello"} {}', False),
        (b'{"say":"hello","x":NaN}', False),
        (b'{"say":"hello","x":1e999}', False),
        (b'{"say":"hello","x":' + b"9" * 5000 + b"}", False),
        (b'{"say":1,"say":"hello"}', False),
        (b'\xef\xbb\xbf{"say":"hello"}', False),
        ('{"say":"hello"}'.encode("utf-16"), False),
        (b'{"say":"\xff"}', False),
        (b'{"say":"\\ud800"}', True),
    ],
)
def test_a_message_is_json_of_its_schema(payload: bytes, valid: bool) -> None:
    assert rules().accept(payload) is valid


@pytest.mark.parametrize("payload", [b'{"\\ud800":1}', b'"\\ud800"', b'{"say":"x","\\udfff":{}}'])
def test_half_of_a_surrogate_pair_is_not_valid(payload: bytes) -> None:
    assert rules().accept(payload) is False


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize("number", ["1" * 41, "0." + "1" * 40, "1e41", "1E-41", "-1e400"])
def test_numbers_have_as_many_digits_as_can_be_compared(number: str) -> None:
    assert not rules({}).accept(number.encode())
    assert rules({}).accept(b"[1e40, -1.5E-40, 1234567890123456789012345678901234567890]")


def test_depth_and_number_of_values_have_bounds() -> None:
    anything = rules({"$schema": "https://json-schema.org/draft/2020-12/schema"})
    assert anything.accept(nested(MAX_DEPTH))
    assert not anything.accept(nested(MAX_DEPTH + 2))
    assert not anything.accept(nested(MAX_VALUES - 1))
    assert anything.accept(json.dumps([[]] * (MAX_DEPTH + 1)).encode())
    assert anything.accept(json.dumps([0] * (MAX_VALUES - 2)).encode())
    assert not anything.accept(json.dumps([0] * MAX_VALUES).encode())


def test_both_dialects_are_known() -> None:
    pair = {"prefixItems": [{"type": "integer"}]}
    assert not rules({"$schema": "https://json-schema.org/draft/2020-12/schema", **pair}).accept(b'["x"]')
    assert rules({"$schema": "http://json-schema.org/draft-07/schema#", **pair}).accept(b'["x"]')


def test_a_message_may_have_any_of_several_schemas_and_none_where_there_is_none() -> None:
    schemas = tuple(make_schema({"const": value}) for value in (1, 2, 3))
    channels = (ChannelMessages(path="/some", publish=(0, 2)), ChannelMessages(path="/none"))
    inspection = Inspection(Validation(publish="close", schemas=schemas, channels=channels))
    some, none = inspection.of("/some").publish, inspection.of("/none").publish
    assert some is not None
    assert none is not None
    assert [some.accept(b"%d" % value) for value in (1, 2, 3)] == [True, False, True]
    assert not none.accept(b"1")


def test_the_most_specific_channel_counts_and_else_the_one_without_a_path() -> None:
    channels = (
        ChannelMessages(path="/rooms/{id}", publish=(0,)),
        ChannelMessages(path="/rooms/main", publish=(1,)),
        ChannelMessages(publish=(2,)),
    )
    schemas = tuple(make_schema({"const": value}) for value in (0, 1, 2))
    inspection = Inspection(Validation(publish="drop", schemas=schemas, channels=channels))
    for asked, value in {"/rooms/7": 0, "/Rooms/MAIN": 1, "": 2, "/other": 2}.items():
        checks = inspection.of(asked)
        assert checks.publish is not None
        assert checks.publish.accept(b"%d" % value), asked
        assert checks.subscribe is None
        assert checks.droppable == {"publish"}
    with pytest.raises(RefusedError):
        inspection.of("/rooms/a%2fb")


def make_api(validation: Validation) -> ApiDefinition:
    return ApiDefinition(
        id=ApiId("a"),
        name="A",
        context="/a",
        version="1",
        state="PUBLISHED",
        endpoints=Endpoints(),
        validation=validation,
    )


def test_what_can_not_be_read_is_told_apart_and_what_stays_is_kept() -> None:
    api = make_api(make_validation("close"))
    known = inspect_all({api.id: api}, {})
    assert known[api.id] is not None
    assert inspect_all({api.id: api.model_copy(update={"name": "B"})}, known)[api.id] is known[api.id]
    for broken in (
        make_validation("close", schema={"type": 7}),
        make_validation("close", schema={"$ref": "http://elsewhere.test/schema"}),
        make_validation("close", schema={"pattern": "(\\w{100}){100}"}),
        make_validation("close", schema={"multipleOf": 1e-300}),
        Validation(publish="close", channels=(ChannelMessages(publish=(3,)),)),
    ):
        assert inspect_all({api.id: make_api(broken)}, known) == {api.id: None}
    assert inspect_all({api.id: make_api(Validation())}, known) == {}


def doublings(links: int) -> dict[str, Any]:
    """Return a schema of which the library asks each link twice as often as the one before."""
    refer = [{"$ref": f"#/definitions/{link}"} for link in range(links + 1)]
    definitions = {str(link): {"allOf": [refer[link + 1], {"allOf": [refer[link + 1]]}]} for link in range(links)}
    return {**refer[0], "definitions": definitions | {str(links): {"type": ["string", "array"]}}}


HOSTILE: dict[str, tuple[dict[str, Any], bytes]] = {
    "a schema in itself": (
        {"$ref": "#/$defs/a", "$defs": {"a": {"properties": {"a": {"$ref": "#/$defs/a"}, "b": {"$ref": "#/$defs/a"}}}}},
        b'{"a":' * 40 + b"1" + b"}" * 40,
    ),
    "as many doublings as there may be": (doublings(9), b"[" + b'"x",' * 90 + b"1]"),
    "a schema that is itself": ({"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}}, b"1"),
    "all different": ({"uniqueItems": True}, json.dumps([{"a": index} for index in range(4000)]).encode()),
    "many enumerated": (
        {"items": {"enum": [{"a": index} for index in range(90)]}},
        json.dumps([{"a": -1}] * 3000).encode(),
    ),
    "multiples": (
        {"items": {"allOf": [{"multipleOf": 1e-9, "minimum": -index} for index in range(30)]}},
        json.dumps([1e308] * 9000).encode(),
    ),
    "as many multiples as there may be": (
        {"items": {"allOf": [{"multipleOf": 1e-9, "minimum": -index} for index in range(30)]}},
        json.dumps([1e308] * 200).encode(),
    ),
    "numbers that are compared exactly": (
        {"items": {"enum": [index + 0.5 for index in range(90)]}},
        json.dumps([179.25] * 9000).encode(),
    ),
    "as many of these as there may be": (
        {"contains": {"enum": [index + 0.5 for index in range(90)]}},
        json.dumps([1.5e-40] * 220).encode(),
    ),
    "numbers of very many digits": (
        {"contains": {"enum": [index + 0.5 for index in range(20)]}},
        b"[" + b",".join([b"7" * 4000] * 60) + b"]",
    ),
    "a pattern that goes back": ({"pattern": "^(a+)+$"}, json.dumps("a" * 200_000 + "!").encode()),
    "a pattern of many states": ({"pattern": "(a|b)*a(a|b){15}c"}, json.dumps("ab" * 100_000).encode()),
}


def inspect_one(schema: MessageSchema) -> Checks:
    channels = (ChannelMessages(publish=(0,)),)
    return Inspection(Validation(publish="close", schemas=(schema,), channels=channels)).of("")


@pytest.mark.parametrize("name", HOSTILE)
def test_no_schema_and_message_together_take_long(name: str) -> None:
    schema, payload = HOSTILE[name]
    draft = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    found = inspect_one(make_schema(draft | schema))
    assert found.publish is not None
    started = time.thread_time()
    found.publish.accept(payload)
    assert time.thread_time() - started < 0.5


def test_the_cost_is_what_the_schema_is_and_not_what_is_said_of_it() -> None:
    found = inspect_one(make_schema(doublings(9)))
    assert found.publish is not None
    assert found.publish.parts > 2**9
    api = make_api(make_validation("close", schema=doublings(26)))
    assert inspect_all({api.id: api}, {}) == {api.id: None}


def test_what_would_take_too_long_to_say_is_not_valid() -> None:
    schema = make_schema({"enum": [str(number) for number in range(998)]})
    found = inspect_one(schema)
    assert found.publish is not None
    assert found.publish.parts == 1000
    assert found.publish.accept(b'"7"')
    assert not found.publish.accept(b'"7"' + b" " * 1000 + b"," * 2000)
    slow = make_schema({"allOf": [{"pattern": "x"}] * 100})
    found = inspect_one(slow)
    assert found.publish is not None
    assert found.publish.accept(json.dumps("x" * 2000).encode())
    assert not found.publish.accept(json.dumps("x" * 3000).encode())
