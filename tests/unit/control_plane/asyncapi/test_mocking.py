"""From a document's examples to what a mock says."""

from typing import Any, Final

import pytest

from services.control_plane.asyncapi.checking import check
from services.control_plane.asyncapi.mocking import (
    MAX_BYTES,
    MAX_EXAMPLE_BYTES,
    MAX_EXAMPLES,
    MAX_OPERATIONS,
    MAX_WRITTEN_BYTES,
    make_mock,
)
from services.control_plane.kit.problems import InvalidError
from shared.definition import Mock, MockChannel
from tests.integration.control_plane.asyncapi.mutants import CHAT_2, CHAT_3, GONE, change

HEAR: Final = {
    "action": "send",
    "channel": {"$ref": "#/channels/lobby"},
    "messages": [{"$ref": "#/channels/lobby/messages/said"}],
}
REPLY: Final = {"messages": [{"$ref": "#/channels/lobby/messages/said"}], "channel": {"$ref": "#/channels/lobby"}}


def mock(changes: dict[str, Any], document: dict[str, Any] = CHAT_3) -> Mock:
    return make_mock(check(change(document, changes)), ("SANDBOX",))


def channel(found: Mock, path: str | None = None) -> MockChannel:
    return next(item for item in found.channels if item.path == path)


def refused(changes: dict[str, Any]) -> tuple[str, str]:
    with pytest.raises(InvalidError) as caught:
        mock(changes)
    error = caught.value.members["errors"][0]
    return error["field"], error["message"]


def lobby(*payloads: Any, **more: Any) -> dict[str, Any]:
    examples = [{"payload": payload} for payload in payloads]
    return {"channels.lobby.messages.said.examples": examples} | more


def test_a_reply_is_answered_with_its_examples() -> None:
    found = mock(lobby("hello", {"a": "€"}, **{"operations.say.reply": REPLY}))
    for path in (None, "/rooms/{id}"):
        (operation,) = channel(found, path).operations
        assert operation.answers == ('"hello"', '{"a":"\\u20ac"}')
        assert len(operation.schemas) == 1
        assert channel(found, path).greeting is None
    assert found.key_types == ("SANDBOX",)


def test_without_a_reply_it_is_what_the_api_sends() -> None:
    found = mock(lobby("hello", **{"operations.hear": HEAR}))
    assert channel(found).operations[0].answers == ('"hello"',)
    assert channel(found, "/rooms/{id}").operations == ()


def test_a_channel_that_receives_nothing_greets() -> None:
    found = mock(lobby("hello", "again", **{"operations.hear": HEAR}))
    assert channel(found, "/lobby").greeting == '"hello"'
    assert channel(found).greeting is None


def test_a_text_is_said_as_it_is() -> None:
    more = {"operations.hear": HEAR, "channels.lobby.messages.said.contentType": "text/plain"}
    assert channel(mock(lobby("hello", **more)), "/lobby").greeting == "hello"


def test_a_text_is_measured_in_bytes() -> None:
    more = {"operations.hear": HEAR, "channels.lobby.messages.said.contentType": "text/plain"}
    found = mock(lobby("\U0001f600" * (MAX_EXAMPLE_BYTES // 4 + 1), "hello", **more))
    assert channel(found, "/lobby").greeting == "hello"


def test_examples_of_the_schema_will_do() -> None:
    payload = {"type": "string", "examples": ["hello"]}
    found = mock({"operations.hear": HEAR, "channels.lobby.messages.said.payload": payload})
    assert channel(found, "/lobby").greeting == '"hello"'


def test_a_message_without_a_schema_is_any() -> None:
    more = {"operations.say.reply": REPLY, "components.messages.said.payload": GONE}
    assert channel(mock(lobby("hello", **more))).operations[0].schemas == ()


def test_version_2_has_examples_too() -> None:
    found = mock({"channels./rooms/{id}.subscribe.message.examples": [{"payload": "hello"}]}, CHAT_2)
    assert channel(found, "/rooms/{id}").operations[0].answers == ('"hello"',)


def test_there_must_be_examples() -> None:
    field, message = refused({})
    assert field == "endpoints.sandbox.mock"
    assert "needs an AsyncAPI document with examples" in message


def test_examples_have_bounds() -> None:
    many = mock(lobby(*range(100), "x" * MAX_EXAMPLE_BYTES, **{"operations.say.reply": REPLY}))
    assert channel(many).operations[0].answers == tuple(map(str, range(MAX_EXAMPLES)))
    large = [f"{number}{'x' * (MAX_EXAMPLE_BYTES - 10)}" for number in range(MAX_BYTES // MAX_EXAMPLE_BYTES + 1)]
    assert refused(lobby(*large, **{"operations.say.reply": REPLY}))[0] == "document"


def repeat(count: int) -> dict[str, Any]:
    """Return so many operations beside `say`, which each answer as it does."""
    say = {"action": "receive", "channel": {"$ref": "#/channels/room"}, "reply": REPLY}
    return {f"operations.say{number}": say for number in range(count)} | {"operations.say.reply": REPLY}


def test_operations_have_a_bound() -> None:
    assert len(channel(mock(lobby("hello", **repeat(MAX_OPERATIONS - 1)))).operations) == MAX_OPERATIONS
    field, message = refused(lobby("hello", **repeat(MAX_OPERATIONS)))
    assert field == "document"
    assert "over 100 operations" in message


def test_what_is_answered_has_a_bound_however_often_it_stands_there() -> None:
    half = MAX_WRITTEN_BYTES // MAX_EXAMPLE_BYTES // 2
    large = "x" * (MAX_EXAMPLE_BYTES - 10)
    assert mock(lobby(large, **repeat(half - 5))).channels
    field, message = refused(lobby(large, **repeat(half + 5)))
    assert field == "document"
    assert "too many for a mock" in message
