"""No token in a log, a close reason, a problem, a metric or a trace of an error, whatever is done with it."""

import asyncio
import logging
from collections.abc import Iterator

import httpx
import pytest

from shared import keys
from shared.logs import JsonFormatter
from tests.integration.data_plane.conftest import Gate
from tests.support.canaries import dump_redis
from tests.support.frames import client_frame
from tests.support.waiting import eventually
from tests.support.wire import accepting, always, request, wire, wire_backend

SECRET = "5ecret" * 6


def carriers(token: str) -> Iterator[tuple[tuple[str, str], ...]]:
    """Yield the ways to send a credential, good and bad."""
    yield (("Authorization", f"Bearer {token}"),)
    yield (("Authorization", f"Basic {token}"),)
    yield (("Authorization", token),)
    yield (("Authorization", f"Bearer {token}"), ("Authorization", f"Bearer {token}"))
    yield (("X-API-Key", token),)
    yield (("Sec-WebSocket-Protocol", f"bearer.{token}"),)
    yield (("Sec-WebSocket-Protocol", f"unknown, bearer.{token}"),)
    yield (("Sec-WebSocket-Protocol", f"bearer.{token}, bearer.{token}"),)
    yield (("Cookie", f"session={token}"),)


def targets(token: str) -> Iterator[str]:
    yield from ("/echo/1.0", "/nothing/1.0", f"/echo/1.0?access_token={token}&apikey={token}&ticket={token}")


def malformed(token: str) -> Iterator[bytes]:
    """Yield requests that are no good, with a credential in them."""
    bearer = ("Authorization", f"Bearer {token}")
    yield request("/echo/1.0", bearer, ("Sec-WebSocket-Version", "8"))
    yield request("/echo/1.0", bearer, ("Sec-WebSocket-Key", token))
    yield request("/echo/1.0", bearer, method="POST")
    yield request("/echo/1.0", bearer, ("X-Long", token * 1000))
    yield request("/echo/1.0", (f"Authorization: Bearer {token}\r\nno colon {token}", ""))
    yield request("/echo/1.0", bearer, ("Sec-WebSocket-Extensions", f"{token};;;"))
    yield f"GET /echo/1.0?access_token={token} HTTP/9.9\r\n\r\n".encode()
    yield f"{token}\r\n\r\n".encode()


async def hear(gate: Gate, data: bytes) -> bytes:
    """Return all that comes for a request, and for a broken frame behind it."""
    async with wire(gate.port) as client:
        client.send(data)
        answer = await asyncio.wait_for(client.reader.readuntil(b"\r\n\r\n"), 5)
        client.send(client_frame(3))
        return answer + await client.rest()


def written(caplog: pytest.LogCaptureFixture) -> str:
    """Return all lines as they are written, with their fields."""
    return "\n".join(JsonFormatter().format(record) for record in caplog.records)


async def metrics(gate: Gate) -> str:
    async with httpx.AsyncClient(trust_env=False) as ops:
        return (await ops.get(f"http://127.0.0.1:{gate.ops_port}/metrics")).text


async def test_a_token_is_never_told(
    gate: Gate, redis_url: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    issue = gate.world.issuer.token
    tokens = (SECRET, issue(), issue(seconds=-10), issue("nobody"))
    heard = b""
    async with wire_backend(accepting()) as backend:
        gate.world.put_api(backend.url)
        await gate.caught_up()
        for token in tokens:
            for target in targets(token):
                for headers in carriers(token):
                    heard += await hear(gate, request(target, *headers))
            for data in malformed(token):
                heard += await hear(gate, data)
    await eventually(lambda: len(gate.pod.registry) == 0)
    await gate.pod.usage.flush()
    kept = dump_redis(redis_url)
    assert keys.USAGE_STREAM in kept
    told = f"{caplog.text}\n{written(caplog)}\n{capfd.readouterr()}\n{await metrics(gate)}\n{kept}"
    assert "connection closed" in told, "or nothing was logged at all"
    assert "handshake refused" in told
    reached = b"".join(head.partition(b"\r\n")[2] for head in backend.heads).decode()
    assert "X-Request-Id" in reached
    for token in tokens:
        assert token[-40:] not in told
        assert token[-40:] not in reached
        assert token[-40:].encode() not in heard


async def test_a_token_is_not_told_when_the_backend_or_the_gateway_fails(
    gate: Gate, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    token = gate.world.issuer.token()
    data = request("/echo/1.0", ("Authorization", f"Bearer {token}"))
    async with wire_backend(always("HTTP/1.1 500 Oops", "Content-Length: 0")) as failing:
        gate.world.put_api(failing.url)
        await gate.caught_up()
        heard = await hear(gate, data)
    gate.world.put_api("ws://127.0.0.1:1")
    await gate.caught_up()
    heard += await hear(gate, data)
    monkeypatch.setattr(gate.pod.gateway.dialler, "dial", lambda *_, **__: 1 / 0)
    heard += await hear(gate, data)
    assert heard.count(b"HTTP/1.1 502") == 2
    assert b"HTTP/1.1 500" in heard
    assert "ZeroDivisionError" in caplog.text
    assert token not in caplog.text
    assert token.encode() not in heard
