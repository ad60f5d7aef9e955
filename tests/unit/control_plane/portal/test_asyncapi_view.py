from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import Environment, PackageLoader

from services.control_plane.asyncapi.checking import check
from services.control_plane.asyncapi.conversion import as_version_3
from services.control_plane.kit.problems import InvalidError
from services.control_plane.portal.asyncapi_view import MAX_CHANNELS, templates, view
from tests.integration.control_plane.asyncapi.mutants import CHAT_2, CHAT_3, change

PAGES = Environment(loader=PackageLoader("services.control_plane.portal"), autoescape=True)
EXAMPLES = sorted((Path(__file__).parents[3] / "vendor" / "asyncapi-examples").rglob("*.y*ml"))


def test_a_channel_says_who_sends_what() -> None:
    shown = view(CHAT_3)
    room, lobby = shown.channels
    assert (
        room.address,
        [(each.name, each.sends, [link.title for link in each.messages]) for each in room.operations],
    ) == (
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


def hostile() -> dict[str, Any]:
    """Return a document that says a little, and refers to it from everywhere."""
    quotes = "'\"" * 500
    properties = {f"{quotes}{number}": {"$ref": "#/components/schemas/wide"} for number in range(30)}
    wide = {"type": "object", "title": quotes, "enum": [quotes] * 20, "properties": properties}
    example = {"name": quotes, "payload": {"text": quotes * 2}}
    said: dict[str, Any] = {"title": quotes, "description": quotes, "examples": [example] * 3}
    said |= {"payload": {"$ref": "#/components/schemas/wide"}}
    channel = {
        "address": "/" + "{a}" * 500,
        "messages": {f"m{number}": {"$ref": "#/components/messages/said"} for number in range(40)},
        "parameters": {f"{quotes}{number}": {"description": quotes} for number in range(100)},
    }
    operations = {
        f"{quotes}{number}": {"action": "receive", "channel": {"$ref": f"#/channels/c{number % 60}"}}
        for number in range(600)
    }
    return {
        "asyncapi": "3.0.0",
        "info": {"title": quotes},
        "channels": {f"c{number}": {"$ref": "#/components/channels/all"} for number in range(60)},
        "operations": operations,
        "components": {"channels": {"all": channel}, "messages": {"said": said}, "schemas": {"wide": wide}},
    }


def test_a_page_is_bounded_however_much_a_document_repeats() -> None:
    shown = view(hostile())
    told: Any = PAGES.get_template("asyncapi.html").module
    page = told.document(None, shown, "Sends", "Receives")
    assert len(page.encode()) < 1_000_000
    assert "There is more than a page has room for" in page
    assert len(templates(hostile())) <= 30


def test_each_message_is_told_once_a_channel() -> None:
    operations = {f"o{number}": CHAT_3["operations"]["say"] for number in range(40)}
    shown = view({**CHAT_3, "operations": operations})
    room = shown.channels[0]
    assert [message.id for message in room.messages] == ["message-1-1"]
    assert {link.id for operation in room.operations for link in operation.messages} == {"message-1-1"}
    assert (len(room.operations), shown.is_cut) == (30, True)


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
