"""What the official schemas find wrong, told where it lies."""

import json
import resource
import time
from typing import Any, Final

import pytest

from services.control_plane.asyncapi.pointers import DOCUMENT
from services.control_plane.asyncapi.specification import MAX_ERRORS, VERSIONS, check_schema
from tests.integration.control_plane.asyncapi.mutants import CHAT_2, CHAT_3, GONE, change, mutants


@pytest.mark.parametrize("version", VERSIONS)
def test_each_version_has_its_schema(version: str) -> None:
    document: dict[str, Any] = {"asyncapi": version, "info": {"title": "a", "version": "1"}, "channels": {}}
    assert check_schema(document, version) == []
    [error] = check_schema(document | {"info": {"title": "a"}}, version)
    assert (error.field, error.message) == ("/info", '"version" is a required property')
    assert check_schema(document | {"asyncapi": "1.0.0"}, version)


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"operations.say.action": "shout"}, "/operations/say/action", "the value is not one of"),
        ({"operations.say.channel": GONE}, "/operations/say", '"channel" is a required property'),
        ({"channels.room.address": 1}, "/channels/room/address", "the value is not of types"),
        ({"channels.room.messages.said": {"colour": 1}}, "/channels/room/messages/said", "Additional properties"),
        (
            {"components.messages.said.payload": {"type": 1}},
            "/components/messages/said/payload/type",
            "the value is not",
        ),
        ({"servers.main.host": GONE}, "/servers/main", '"host" is a required property'),
    ],
)
def test_an_error_lies_where_the_document_comes_closest(changes: dict[str, Any], field: str, message: str) -> None:
    [error] = check_schema(change(CHAT_3, changes), "3.0.0")
    assert error.field == field
    assert error.message.startswith(message)


def test_no_error_repeats_what_was_given() -> None:
    document = change(CHAT_2, {"info.version": 71077345, "servers.main.protocol": {"secret": "71077345"}})
    errors = check_schema(document, "2.6.0")
    assert {error.field for error in errors} == {"/info/version", "/servers/main/protocol"}
    assert "71077345" not in str(errors)


def test_a_reference_before_2_5_may_be_a_parameter_as_well() -> None:
    reference = {"channels./rooms/{id}.parameters.id": {"$ref": "#/components/parameters/id"}}
    document = change(CHAT_2, reference | {"asyncapi": "2.3.0"})
    assert check_schema(document, "2.3.0") == []


def test_a_reference_in_a_binding_may_be_a_schema_as_well() -> None:
    query = {"channels.room.bindings": {"ws": {"query": {"$ref": "#/components/schemas/said"}}}}
    assert check_schema(change(CHAT_3, query), "3.0.0") == []
    worse = query | {"channels.lobby.bindings": {"ws": {"method": "PUT"}}}
    [error] = check_schema(change(CHAT_3, worse), "3.0.0")
    assert error.field == "/channels/lobby/bindings/ws/method"


def test_so_many_errors_are_told() -> None:
    document = change(CHAT_3, {"operations": {f"o{n}": {} for n in range(100)}})
    assert len(check_schema(document, "3.0.0")) == MAX_ERRORS


def test_whatever_is_wrong_has_a_place() -> None:
    for name, text in mutants():
        document = json.loads(text)
        if document["asyncapi"] in VERSIONS:
            for error in check_schema(document, document["asyncapi"]):
                at_root = error.message.endswith("is a required property") or error.message.startswith("Additional")
                assert error.field != DOCUMENT or at_root, name


def nested(depth: int, leaf: Any, *keys: str | int) -> Any:
    """Return a schema in a schema in a schema."""
    for _ in range(depth):
        for key in reversed(keys):
            leaf = {key: leaf} if isinstance(key, str) else [leaf]
    return leaf


WRONG: Final = {"properties": {f"p{number}": {"type": "strin"} for number in range(12_000)}}
SCHEMAS: Final = {
    "properties": nested(28, WRONG, "properties", "a"),
    "items": nested(50, WRONG, "items"),
    "an item": nested(55, {"type": "strin"}, "items"),
    "not": nested(50, WRONG, "not"),
    "allOf": nested(28, WRONG, "allOf", 0),
    "anyOf": nested(28, WRONG, "anyOf", 0),
    "oneOf": nested(28, WRONG, "oneOf", 0),
    "names": {"properties": {f"p{number}" * 10: {} for number in range(5000)}, "type": []},
}


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
@pytest.mark.parametrize("place", ["components.schemas.said", "components.messages.said.payload"])
@pytest.mark.parametrize("base", [CHAT_2, CHAT_3], ids=["2", "3"])
def test_what_is_wrong_thousands_of_times_costs_little(base: dict[str, Any], place: str, schema: Any) -> None:
    document = change(base, {place: schema})
    began, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    errors = check_schema(document, document["asyncapi"])
    assert errors
    assert time.process_time() - began < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024  # KiB
    assert all(len(error.message) <= 300 for error in errors)


@pytest.mark.parametrize("base", [CHAT_2, CHAT_3], ids=["2", "3"])
def test_extra_names_are_not_all_repeated(base: dict[str, Any]) -> None:
    document = change(base, {"components": {f"name{number}": {} for number in range(10_000)}})
    [error] = check_schema(document, document["asyncapi"])
    assert error.field == "/components"
    assert len(error.message) <= 300
