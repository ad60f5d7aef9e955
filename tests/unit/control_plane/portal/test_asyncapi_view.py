from pathlib import Path
from typing import Any

import pytest
import yaml

from services.control_plane.asyncapi.checking import check
from services.control_plane.asyncapi.conversion import as_version_3
from services.control_plane.kit.problems import InvalidError
from services.control_plane.portal.asyncapi_view import MAX_CHANNELS, templates, view
from tests.integration.control_plane.asyncapi.mutants import CHAT_2, CHAT_3, change

EXAMPLES = sorted((Path(__file__).parents[3] / "vendor" / "asyncapi-examples").rglob("*.y*ml"))


def test_a_channel_says_who_sends_what() -> None:
    shown = view(CHAT_3)
    room, lobby = shown.channels
    assert (room.address, [(each.name, each.sends, each.messages) for each in room.operations]) == (
        "/rooms/{id}",
        [("say", True, ["said"])],
    )
    assert [message.payload.kind for message in room.messages if message.payload] == ["said: object"]
    assert lobby.operations == []
    assert not shown.is_cut


def test_a_document_of_version_2_is_told_the_same_way() -> None:
    (channel,) = view(as_version_3(CHAT_2)).channels
    assert {each.name: each.sends for each in channel.operations} == {"say": True, "hear": False}


def test_what_may_be_sent_is_there_to_begin_with() -> None:
    assert [(each.name, each.text) for each in templates(CHAT_3)] == [("said", '{\n  "text": "text"\n}')]
    examples = [{"name": "short", "payload": {"text": "Hi"}}, {"payload": "plain"}]
    given = templates(change(CHAT_3, {"components.messages.said.examples": examples}))
    assert [(each.name, each.text) for each in given] == [("said: short", '{\n  "text": "Hi"\n}'), ("said", "plain")]


def test_a_schema_of_another_language_is_shown_as_it_is() -> None:
    avro = {"schemaFormat": "application/vnd.apache.avro;version=1.9.0", "schema": {"type": "record"}}
    (room, _) = view(change(CHAT_3, {"components.messages.said.payload": avro})).channels
    foreign = room.messages[0].foreign
    assert foreign is not None
    assert foreign.name.startswith("application/vnd.apache.avro")
    assert templates(change(CHAT_3, {"components.messages.said.payload": avro})) == []


def test_too_many_channels_are_cut() -> None:
    channels = {f"c{number}": {"address": f"/c{number}"} for number in range(MAX_CHANNELS + 1)}
    shown = view({"asyncapi": "3.0.0", "info": {}, "channels": channels})
    assert (len(shown.channels), shown.is_cut) == (MAX_CHANNELS, True)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_official_example_is_told(path: Path) -> None:
    document: Any = yaml.safe_load(path.read_text())
    try:
        document = check(document)
    except InvalidError:
        return  # no document of ours
    shown = view(document)
    assert len(shown.channels) == min(len(document.get("channels", {})), MAX_CHANNELS)
    templates(document)
