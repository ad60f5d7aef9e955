"""What the official schemas find wrong, told where it lies."""

from typing import Any

import pytest

from services.control_plane.asyncapi.specification import MAX_ERRORS, VERSIONS, check_schema
from tests.integration.control_plane.asyncapi.mutants import CHAT_2, CHAT_3, GONE, change


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


def test_so_many_errors_are_told() -> None:
    document = change(CHAT_3, {"operations": {f"o{n}": {} for n in range(100)}})
    assert len(check_schema(document, "3.0.0")) == MAX_ERRORS
