"""Scopes by path, through a whole pod."""

import asyncio
from typing import Any, Final

import pytest
from websockets.exceptions import ConnectionClosed

from tests.integration.data_plane.conftest import Backend, Gate
from tests.integration.data_plane.test_refusals import refusal, slug
from tests.support.waiting import eventually
from tests.support.wire import request

PATHS: Final[list[dict[str, Any]]] = [
    {"path": "/rooms/{id}", "scopes": ["read"], "backend_path": "/v2/chat/{id}"},
    {"path": "/admin/*", "scopes": ["admin", "read"]},
    {"path": "/open", "scopes": []},
]


LIMITED: Final[list[dict[str, Any]]] = [{"path": "/rooms/{id}", "policy": "Few"}, {"path": "/news", "policy": "Few"}]


@pytest.fixture(autouse=True)
async def guarded(gate: Gate, backend: Backend) -> None:
    """Have the API tell paths apart."""
    gate.world.put_api(backend.url, auth={"scopes": ["chat"]}, paths=PATHS)
    await gate.caught_up()


@pytest.mark.parametrize(
    ("path", "scope", "needed"),
    [
        ("/rooms/7", "chat", "chat read"),
        ("/rooms/7", "read", "chat read"),
        ("/admin/x", "chat read", "chat admin read"),
        ("/%61dmin", "chat read", "chat admin read"),
        ("/ADMIN/x", "chat read", "chat admin read"),
        ("/elsewhere", "read", "chat"),
        ("/open", "", "chat"),
    ],
)
async def test_a_path_needs_its_scopes_and_those_of_the_api(gate: Gate, path: str, scope: str, needed: str) -> None:
    answer = await refusal(gate, f"/echo/1.0{path}", gate.world.issuer.token(scope=scope))
    assert slug(answer) == (403, "scope_missing")
    expected = f'Bearer realm="framegate", error="insufficient_scope", scope="{needed}"'
    assert answer[2]["www-authenticate"] == expected


@pytest.mark.parametrize(
    ("path", "scope", "reached"),
    [
        ("/rooms/a%20b?x=%20&y", "chat read", "/v2/chat/a%20b?x=%20&y"),
        ("/admin/x%41", "chat read admin", "/admin/x%41"),
        ("/elsewhere", "chat", "/elsewhere"),
        ("/open/", "chat", "/open/"),
    ],
)
async def test_the_backend_is_asked_for_its_own_path(
    gate: Gate, backend: Backend, path: str, scope: str, reached: str
) -> None:
    async with gate.connect(f"/echo/1.0{path}", gate.world.issuer.token(scope=scope)) as client:
        await client.send("x")
        await client.recv()
    assert backend.request.path == reached


@pytest.mark.parametrize(
    "path", ["//admin", "/x%2F..%2Fadmin", "/x/../admin", "/%2561dmin", "/admin;x", "/admin%00", "/x\\..\\admin"]
)
async def test_no_other_spelling_gets_past_a_scope(gate: Gate, path: str) -> None:
    token = gate.world.issuer.token(scope="chat read admin")
    reader, writer = await asyncio.open_connection("127.0.0.1", gate.port)
    writer.write(request(f"/echo/1.0{path}", ("Authorization", f"Bearer {token}")))
    assert (await asyncio.wait_for(reader.readline(), 5)).split()[1] == b"400"
    writer.close()


async def limit_paths(gate: Gate, backend: Backend, amount: int = 2, **fields: Any) -> None:
    gate.world.put_policy("api", "Few", amount, "close", window_seconds=3600)
    gate.world.put_api(backend.url, paths=LIMITED, **fields)
    await gate.caught_up()


async def count_sent(gate: Gate, path: str, most: int = 5) -> int:
    """Return how many messages go through until one is too many, or else `most`."""
    async with gate.connect(f"/echo/1.0{path}") as client:
        for number in range(most):
            try:
                await client.send("x")
                await client.recv()
            except ConnectionClosed:
                assert client.close_code == 4429
                return number
    return most


async def test_a_path_has_limits_of_its_own_over_all_that_it_matches(gate: Gate, backend: Backend) -> None:
    await limit_paths(gate, backend)
    assert await count_sent(gate, "/elsewhere") == 5
    assert await count_sent(gate, "/rooms/7") == 2
    assert slug(await refusal(gate, "/echo/1.0/rooms/8", gate.world.issuer.token())) == (429, "quota_exceeded")
    assert await count_sent(gate, "/news") == 2


async def test_a_path_counts_for_its_api_too(gate: Gate, backend: Backend) -> None:
    gate.world.put_policy("api", "Three", 3, "close", window_seconds=3600)
    await limit_paths(gate, backend, api_policy="Three")
    assert await count_sent(gate, "/rooms/7") == 2
    assert await count_sent(gate, "/elsewhere") == 1


async def test_the_headers_tell_a_path_from_its_api(gate: Gate, backend: Backend) -> None:
    gate.world.put_policy("api", "Many", 100, window_seconds=3600)
    await limit_paths(gate, backend, api_policy="Many")
    async with gate.connect("/echo/1.0/news") as client:
        assert client.response is not None
        assert client.response.headers["RateLimit-Policy"] == '"api";q=100;w=3600, "path";q=2;w=3600'


async def test_a_changed_limit_holds_for_open_connections(gate: Gate, backend: Backend) -> None:
    await limit_paths(gate, backend)
    async with gate.connect("/echo/1.0/news") as client:
        gate.world.put_policy("api", "Few", 4, "close", window_seconds=3600)
        await gate.caught_up()
        await eventually(lambda: gate.pod.registry.all()[0].allotment.quotas.publish[0].rule.amount == 4)
        for _ in range(4):
            await client.send("x")
            await client.recv()
        await client.send("x")
        await client.wait_closed()
        assert client.close_code == 4429
