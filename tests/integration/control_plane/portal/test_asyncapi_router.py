"""AsyncAPI documents as pages."""

import json
from html import unescape
from typing import Any

import httpx
import yaml

from services.control_plane.portal.forms import FORM_TOKEN
from tests.integration.control_plane.asyncapi.mutants import CHAT_2, change
from tests.integration.control_plane.asyncapi.test_router import CHAT
from tests.integration.control_plane.platform import Platform, on_sqlite
from tests.integration.control_plane.portal.person import Person, version_in

pytestmark = on_sqlite

RICHER: dict[str, Any] = change(
    CHAT,
    {
        "components.messages.said": {
            "title": "What was said",
            "payload": {"$ref": "#/components/schemas/said"},
            "examples": [{"name": "short", "payload": {"text": "Hi <b>"}}],
        },
        "components.schemas.said.required": ["text"],
        "components.schemas.said.properties.text.maxLength": 80,
    },
)


async def send_file(person: Person, path: str, content: bytes, **fields: str) -> httpx.Response:
    files = {"file": ("asyncapi.yaml", content, "application/yaml")}
    return await person.browser.post(path, data={FORM_TOKEN: person.form_token, **fields}, files=files)


async def test_a_document_is_shown_and_sent_to_subscribers(admin: Person, platform: Platform) -> None:
    api = await platform.publish_api()
    await platform.client.put(f"/publisher/v1/apis/{api['id']}/asyncapi", json=RICHER)
    page = (await admin.browser.get(f"/store/apis/{api['id']}/asyncapi")).text
    for words in ("/rooms/{id}", "You send", "What was said", "said: object", "at most 80 characters", "required"):
        assert words in page, words
    assert "Hi &lt;b&gt;" in page
    assert "Clients send" in await admin.see(f"/publisher/apis/{api['id']}/asyncapi")
    for place in (f"/store/apis/{api['id']}", f"/publisher/apis/{api['id']}"):
        rest = place.replace("/apis", "/v1/apis")
        document = await platform.read(f"{rest}/asyncapi")
        sent = {form: await admin.browser.get(f"{place}/asyncapi.{form}") for form in ("json", "yaml")}
        assert json.loads(sent["json"].text) == document == yaml.safe_load(sent["yaml"].text)
        assert "attachment" in sent["yaml"].headers["content-disposition"]


async def test_what_a_document_breaks_is_said_before_it_is_saved(admin: Person, platform: Platform) -> None:
    api = await platform.publish_api()
    place = f"/publisher/apis/{api['id']}/asyncapi"
    assert "Nobody gave it a document" in await admin.see(place)
    await platform.client.put(f"/publisher/v1/apis/{api['id']}/asyncapi", json=CHAT)
    same = await send_file(admin, f"{place}/review", json.dumps(CHAT).encode())
    assert "Nothing changes for clients" in same.text
    page = unescape((await send_file(admin, f"{place}/review", json.dumps(RICHER).encode())).text)
    assert "It breaks clients" in page
    assert "property now required" in page
    assert await platform.read(f"/publisher/v1/apis/{api['id']}/asyncapi") == CHAT
    loaded = version_in(page, place)
    await admin.send(place, document=json.dumps(RICHER), if_match=loaded)
    assert await platform.read(f"/publisher/v1/apis/{api['id']}/asyncapi") == RICHER
    assert (await send_file(admin, place, json.dumps(CHAT).encode(), if_match=loaded)).status_code == 412


async def test_what_is_wrong_with_a_document_is_named(admin: Person, platform: Platform) -> None:
    api = await platform.publish_api()
    for path in (f"/publisher/apis/{api['id']}/asyncapi/review", "/publisher/import"):
        answer = await send_file(admin, path, b"asyncapi: 1.2.0")
        assert answer.status_code == 422
        assert "<code>/asyncapi</code>" in answer.text
        assert "choose a file, or paste the document" in await admin.send(path, 422)
        assert (await send_file(admin, path, b"\xff\xfe")).status_code == 422


async def test_an_api_is_made_of_a_document_of_version_2(admin: Person, platform: Platform) -> None:
    local = change(CHAT_2, {"servers.main.url": "ws://127.0.0.1:9/v2", "servers.main.protocol": "ws"})
    answer = await send_file(admin, "/publisher/import", yaml.safe_dump(local).encode(), context="/talk")
    assert answer.status_code == 303, answer.text
    place = answer.headers["location"].removesuffix("/implement?done=created")
    assert "of AsyncAPI 2.6.0 and shown as 3.0" in await admin.see(f"{place}/asyncapi")
    made = await platform.read(f"/publisher/v1/apis/{place.split('/')[3]}")
    assert (made["context"], made["name"]) == ("/talk", "Chat")


async def test_a_document_can_not_lose_what_is_checked(admin: Person, platform: Platform) -> None:
    api = await platform.publish_api()
    path = f"/publisher/v1/apis/{api['id']}"
    await platform.client.put(f"{path}/asyncapi", json=CHAT)
    checked = {"validation": {"publish": "close"}, "max_message_bytes": {"publish": 1000}}
    assert (await platform.client.patch(path, json=checked)).status_code == 200
    place = f"/publisher/apis/{api['id']}/asyncapi"
    poorer = json.dumps(change(CHAT, {"operations": {}}))
    assert "needs an AsyncAPI document" in unescape(await admin.send(place, 422, document=poorer))
    assert (await platform.read(f"{path}/asyncapi"))["operations"]
    await admin.send(place, document=json.dumps(RICHER))
