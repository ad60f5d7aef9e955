"""The whole tutorial, over the public REST and a real WebSocket client."""

import asyncio
import json
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.e2e.conftest import Installation
from tests.integration.data_plane.conftest import Backend
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(120)

PATH = "/echowebsocket/1.0"


def echo_api(production: Backend, sandbox: Backend) -> dict[str, Any]:
    return {
        "name": "EchoWebSocket",
        "context": "/echowebsocket",
        "version": "1.0",
        "endpoints": {"production": {"urls": [production.url]}, "sandbox": {"urls": [sandbox.url]}},
        "policies": ["Gold"],
    }


async def publish(framegate: Installation, body: dict[str, Any]) -> str:
    """Create, test and publish an API; return its id."""
    api = await framegate.post("/publisher/v1/apis", body)
    tested = await framegate.post(f"/publisher/v1/apis/{api['id']}/endpoints/test", None, status=200)
    assert [(result["environment"], result["ok"]) for result in tested["results"]] == [
        ("production", True),
        ("sandbox", True),
    ]
    await framegate.move(api["id"], "publish")
    return str(api["id"])


async def subscribe(framegate: Installation, api_id: str) -> dict[str, dict[str, Any]]:
    """Subscribe DefaultApplication at Gold; return its keys by type."""
    application = await framegate.application()
    await framegate.post("/store/v1/subscriptions", {"application_id": application, "api_id": api_id, "policy": "Gold"})
    return {
        kind: await framegate.post(f"/store/v1/applications/{application}/keys", {"key_type": kind})
        for kind in ("PRODUCTION", "SANDBOX")
    }


async def refused(framegate: Installation, path: str, token: str | None, pod: int = 0) -> tuple[int, str]:
    """Return the status and the problem's slug of a handshake that is refused."""
    with pytest.raises(InvalidStatus) as error:
        async with framegate.connect(path, token, pod):
            pass
    problem = json.loads(error.value.response.body or b"{}")
    return error.value.response.status_code, str(problem["type"]).rpartition("/")[2]


async def test_the_tutorial(installation: Installation, production: Backend, sandbox: Backend) -> None:
    framegate = installation
    api_id = await publish(framegate, echo_api(production, sandbox))
    listed = await framegate.call("GET", "/store/v1/apis")
    assert [(item["name"], item["gateway_urls"][0]) for item in listed["items"]] == [
        ("EchoWebSocket", f"ws://localhost:{framegate.pods[0].port}{PATH}")
    ]
    keys = await subscribe(framegate, api_id)
    token = await framegate.token(keys["PRODUCTION"]["consumer_key"], keys["PRODUCTION"]["consumer_secret"])
    await framegate.caught_up()

    await talk(framegate, token)
    for kind, name in (("PRODUCTION", "production"), ("SANDBOX", "sandbox")):
        async with framegate.connect(PATH, keys[kind]["token"]["access_token"], pod=1) as client:
            await client.send("name?")
            assert await client.recv() == name
    await lower_gold(framegate, token, production)
    await leave(framegate, api_id, token)


async def talk(framegate: Installation, token: str) -> None:
    """Echo text, binary, a fragmented message and 1 MiB, on both pods."""
    for pod in (0, 1):
        async with framegate.connect(PATH, token, pod, max_size=2**21) as client:
            for message in ("Hello, Framegate!", b"\x00\x01\xff", b"x" * 2**20):
                await client.send(message)
                assert await client.recv() == message
            await client.send(["frag", "ment", "ed"])
            assert await client.recv() == "fragmented"


async def lower_gold(framegate: Installation, token: str, production: Backend) -> None:
    """Lower Gold to 5 messages in a window, and hit it under each `on_exceed`."""
    policy = await framegate.call("GET", "/admin/v1/policies/Gold")
    writable = {name: policy[name] for name in ("name", "level")}
    # What was spent counts under a changed policy too, until its window is over: so the last one allows 5 more.
    for window, amount, on_exceed in ((2, 5, "delay"), (3600, 5, "drop"), (7200, 10, "close")):
        if on_exceed == "drop":
            await eventually(partial(nothing_spent, framegate))
        limits = [{"unit": "messages", "amount": amount, "window_seconds": window}]
        await framegate.call("PUT", "/admin/v1/policies/Gold", writable | {"limits": limits, "on_exceed": on_exceed})
        await framegate.caught_up()
        production.messages.clear()
        async with framegate.connect(PATH, token) as client:
            for number in range(7):
                await client.send(str(number))
            match on_exceed:
                case "delay":
                    assert [await client.recv() for _ in range(7)] == [str(number) for number in range(7)]
                case "drop":
                    heard = [await client.recv() for _ in range(6)]
                    notice = json.loads(next(message for message in heard if "framegate" in message))
                    assert notice["framegate"] == "quota_exceeded"
                    assert notice["dropped"] in (1, 2), "the second may be told of a second later"
                case _:
                    await until_closed(client)
                    assert client.close_code == 4429
                    assert str(client.close_reason).startswith("quota_exceeded; limit=subscription; unit=messages; ")
        passed = [str(number) for number in range(7 if on_exceed == "delay" else 5)]
        await eventually(partial(has_all, production.messages, passed))
        assert production.messages == passed
    assert await refused(framegate, PATH, token) == (429, "quota_exceeded")
    unlimited = writable | {"limits": [{"unit": "messages", "amount": 5000, "window_seconds": 60}]}
    await framegate.call("PUT", "/admin/v1/policies/Gold", unlimited)


async def nothing_spent(framegate: Installation) -> bool:
    quotas = await framegate.call("GET", f"/store/v1/applications/{await framegate.application()}/quota")
    return not any(quota["used"] for quota in quotas["items"] if quota["level"] == "subscription")


def has_all(messages: list[str | bytes], expected: list[str]) -> bool:
    return len(messages) >= len(expected)


async def until_closed(client: Any) -> None:
    async with asyncio.timeout(10):
        with suppress(ConnectionClosed):
            async for _ in client:
                pass


async def leave(framegate: Installation, api_id: str, token: str) -> None:
    """Lose access in every way, and see what a stranger gets."""
    await framegate.caught_up()
    assert await refused(framegate, PATH, None) == (401, "credentials_required")
    assert await refused(framegate, PATH, "rubbish") == (401, "token_invalid")
    assert await refused(framegate, "/nothing/1.0", token) == (404, "api_not_found")
    assert await refused(framegate, "/echowebsocket/9.9", token) == (404, "api_not_found")
    management = framegate.rest.headers["Authorization"].removeprefix("Bearer ")
    assert await refused(framegate, PATH, management) == (401, "token_invalid")

    subscriptions = await framegate.call("GET", f"/publisher/v1/apis/{api_id}/subscriptions")
    subscription = subscriptions["items"][0]["id"]
    await framegate.post(f"/publisher/v1/subscriptions/{subscription}/block", {"scope": "all"}, status=200)
    await framegate.caught_up()
    assert await refused(framegate, PATH, token, pod=1) == (403, "subscription_blocked")
    await framegate.post(f"/publisher/v1/subscriptions/{subscription}/unblock", None, status=200)
    for action, expected in (("block", (503, "api_blocked")), ("deprecate", None), ("retire", (404, "api_not_found"))):
        await framegate.move(api_id, action)
        await framegate.caught_up()
        if expected:
            assert await refused(framegate, PATH, token) == expected
        else:
            async with framegate.connect(PATH, token):
                pass
    await framegate.call("DELETE", f"/store/v1/subscriptions/{subscription}", status=204)


async def test_a_short_token_expires_and_is_refused(
    installation: Installation, production: Backend, sandbox: Backend
) -> None:
    framegate = installation
    api_id = await publish(framegate, echo_api(production, sandbox))
    application = await framegate.application()
    body = {"application_id": application, "api_id": api_id, "policy": "Gold"}
    subscription = await framegate.post("/store/v1/subscriptions", body)
    made = await framegate.post(
        f"/store/v1/applications/{application}/keys", {"key_type": "PRODUCTION", "validity_seconds": 5}
    )
    token = made["token"]["access_token"]
    await framegate.caught_up()
    async with framegate.connect(PATH, token) as client:
        await until_closed(client)
        assert (client.close_code, client.close_reason) == (4401, "token_expired")

    async def is_refused() -> bool:
        try:
            async with framegate.connect(PATH, token):
                return False
        except InvalidStatus as error:
            return bool(json.loads(error.response.body or b"")["type"] == "/problems/token_expired")

    await eventually(is_refused, within=10)  # the clocks' leeway is 5 s
    fresh = await framegate.token(made["consumer_key"], made["consumer_secret"])
    async with framegate.connect(PATH, fresh):
        pass
    await framegate.call("DELETE", f"/store/v1/subscriptions/{subscription['id']}", status=204)
    await framegate.caught_up()
    fresh = await framegate.token(made["consumer_key"], made["consumer_secret"])
    assert await refused(framegate, PATH, fresh) == (403, "subscription_missing")
