"""A manifest gives an API its AsyncAPI document, by which its messages are then checked and mocked."""

from typing import Any, Final

import pytest
from redis import Redis

from services.control_plane.asyncapi.reading import MAX_BYTES
from tests.integration.control_plane.apply.test_router import APPLY, EXPORT, actions, apply, state_of
from tests.integration.control_plane.asyncapi.mutants import CHAT_2, CHAT_3
from tests.integration.control_plane.platform import ECHO, Platform, fields, on_sqlite

APIS: Final = "/publisher/v1/apis"
EXAMPLES: Final[dict[str, Any]] = {
    "asyncapi": "3.0.0",
    "info": {"title": "Chat", "version": "1.0.0"},
    "channels": {"lobby": {"address": "/lobby", "messages": {"said": {"examples": [{"payload": {"text": "hello"}}]}}}},
    "operations": {"hear": {"action": "send", "channel": {"$ref": "#/channels/lobby"}}},
}
CHECKED: Final[dict[str, Any]] = {
    **ECHO,
    "state": "published",
    "asyncapi": CHAT_3,
    "validation": {"publish": "close"},
    "max_message_bytes": {"publish": 65_536},
}
MOCKED: Final[dict[str, Any]] = {
    **ECHO,
    "name": "Mock",
    "context": "/mock",
    "state": "prototyped",
    "asyncapi": EXAMPLES,
    "endpoints": {"production": {"mock": True}},
}


async def test_what_needs_a_document_is_made_with_it_and_twice_changes_nothing(
    platform: Platform, redis_client: Redis
) -> None:
    manifest = {"apis": [CHECKED, MOCKED]}
    wanted: dict[str, list[str]] = {"create EchoWebSocket": [], "create Mock": []}
    assert actions(await apply(platform.client, manifest, dry_run=True)) == wanted
    assert (await platform.read(APIS))["total"] == 0
    assert actions(await apply(platform.client, manifest)) == wanted
    told = "".join(platform.catalogue(redis_client)["api"].values())
    assert '"publish":"close"' in told
    assert "hello" in told
    before = state_of(platform)
    assert actions(await apply(platform.client, manifest)) == {}
    assert state_of(platform) == before


async def test_what_is_exported_makes_the_same_again(platform: Platform) -> None:
    await apply(platform.client, {"apis": [CHECKED, MOCKED]})
    exported = await platform.read(EXPORT)
    assert [entry["asyncapi"] for entry in exported["apis"]] == [CHAT_3, EXAMPLES]
    assert actions(await apply(platform.client, exported)) == {}
    await apply(platform.client, {}, prune=True)
    await apply(platform.client, exported)
    assert await platform.read(EXPORT) == exported


async def test_another_document_is_a_change_that_pods_are_told_of(platform: Platform, redis_client: Redis) -> None:
    await apply(platform.client, {"apis": [CHECKED]})
    before = platform.catalogue(redis_client)["api"]
    changed = {**CHECKED, "asyncapi": CHAT_2}
    (change,) = await apply(platform.client, {"apis": [changed]}, dry_run=True)
    assert change["fields"] == ["asyncapi"]
    assert change["before"]["asyncapi"].startswith("sha256:")
    assert change["before"] != change["after"]
    await apply(platform.client, {"apis": [changed]})
    assert platform.catalogue(redis_client)["api"] != before
    (api,) = (await platform.read(APIS))["items"]
    unsaid = {name: value for name, value in changed.items() if name != "asyncapi"}
    assert actions(await apply(platform.client, {"apis": [unsaid]})) == {}, "not said: it stays"
    given = await platform.read(f"{APIS}/{api['id']}/asyncapi")
    assert given["info"]["title"] == "Chat"


async def test_a_document_may_go_with_the_checks_that_it_no_longer_allows(platform: Platform) -> None:
    await apply(platform.client, {"apis": [CHECKED]})
    hearing = {**CHECKED, "asyncapi": EXAMPLES}
    answer = await platform.client.post(APPLY, json={"apis": [hearing]})
    assert list(fields(answer)) == ["apis.0.validation.publish"]
    unchecked = {**hearing, "validation": {}}
    assert actions(await apply(platform.client, {"apis": [unchecked]})) == {
        "update EchoWebSocket": ["asyncapi", "validation"]
    }
    assert actions(await apply(platform.client, {"apis": [unchecked]})) == {}


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"openapi": "3.1.0"}, "apis.1.asyncapi/asyncapi"),
        ({**CHAT_3, "info": {}}, "apis.1.asyncapi/info"),
        ({**CHAT_3, "x-long": "x" * MAX_BYTES}, "apis.1.asyncapi.document"),
        ({**CHAT_3, "x-many": [0] * 50_001}, "apis.1.asyncapi.document"),
        ("./chat.asyncapi.yaml", "apis.1.asyncapi"),
    ],
)
@on_sqlite
async def test_what_is_no_document_is_named_by_its_place(platform: Platform, document: Any, place: str) -> None:
    manifest = {"apis": [ECHO, {**MOCKED, "asyncapi": document}]}
    answer = await platform.client.post(APPLY, json=manifest)
    assert list(fields(answer)) == [place]
    assert (await platform.read(APIS))["total"] == 0
