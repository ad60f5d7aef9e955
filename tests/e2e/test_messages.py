"""An AsyncAPI document at work: its examples answer in the sandbox, its schemas hold in production."""

import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.e2e.conftest import Installation
from tests.integration.data_plane.conftest import Backend

pytestmark = pytest.mark.timeout(180)

DOCUMENT: dict[str, Any] = {
    "asyncapi": "3.0.0",
    "info": {"title": "Rooms", "version": "1.0"},
    "channels": {
        "room": {
            "address": "/rooms/{id}",
            "messages": {
                "say": {"payload": {"$ref": "#/components/schemas/text"}},
                "said": {"payload": {"type": "object"}, "examples": [{"payload": {"from": "ann"}}]},
            },
        }
    },
    "operations": {
        "say": {
            "action": "receive",
            "channel": {"$ref": "#/channels/room"},
            "messages": [{"$ref": "#/channels/room/messages/say"}],
            "reply": {"messages": [{"$ref": "#/channels/room/messages/said"}]},
        }
    },
    "components": {
        "schemas": {"text": {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}}
    },
}
SAY = '{"text":"hello"}'


async def closed_with(client: ClientConnection) -> tuple[int | None, str | None]:
    with pytest.raises(ConnectionClosed):
        await client.recv()
    return client.close_code, client.close_reason


async def publish(installation: Installation, backend: Backend) -> str:
    """Publish an API whose production is checked, and whose sandbox is a mock."""
    body = {
        "name": "Rooms",
        "context": "/talk",
        "version": "1.0",
        "endpoints": {"production": {"urls": [backend.url]}},
        "policies": ["Unlimited"],
    }
    api = await installation.post("/publisher/v1/apis", body)
    path = f"/publisher/v1/apis/{api['id']}"
    await installation.call("PUT", f"{path}/asyncapi", DOCUMENT)
    change = {
        "endpoints": {"sandbox": {"mock": True}},
        "validation": {"publish": "close"},
        "max_message_bytes": {"publish": 1000},
    }
    await installation.call("PATCH", path, change)
    await installation.move(api["id"], "publish")
    return str(api["id"])


async def subscribe(installation: Installation, api: str) -> dict[str, str]:
    """Return a token by type of key."""
    application = await installation.post("/store/v1/applications", {"name": "Talker", "policy": "Unlimited"})
    wanted = {"application_id": application["id"], "api_id": api, "policy": "Unlimited"}
    await installation.post("/store/v1/subscriptions", wanted)
    keys = f"/store/v1/applications/{application['id']}/keys"
    tokens = {
        key_type: str((await installation.post(keys, {"key_type": key_type}))["token"]["access_token"])
        for key_type in ("PRODUCTION", "SANDBOX")
    }
    await installation.caught_up()
    return tokens


async def test_a_document_checks_messages_and_answers_for_a_backend(
    installation: Installation, production: Backend
) -> None:
    tokens = await subscribe(installation, await publish(installation, production))
    async with installation.connect("/talk/1.0/rooms/7", tokens["SANDBOX"]) as client:
        await client.send(SAY)
        assert json.loads(await client.recv()) == {"from": "ann"}
        await client.send("{}")
        assert await closed_with(client) == (1007, "invalid_message")
    async with installation.connect("/talk/1.0/rooms/7", tokens["PRODUCTION"], 1) as client:
        await client.send(SAY)
        assert await client.recv() == SAY
        await client.send('{"text":7}')
        assert await closed_with(client) == (1007, "invalid_message")
    assert production.messages[-1] == SAY
