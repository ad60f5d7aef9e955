"""Scopes by path, through a whole pod."""

import asyncio
from typing import Any, Final

import pytest

from tests.integration.data_plane.conftest import Backend, Gate
from tests.integration.data_plane.test_refusals import refusal, slug
from tests.support.wire import request

PATHS: Final[list[dict[str, Any]]] = [
    {"path": "/rooms/{id}", "scopes": ["read"], "backend_path": "/v2/chat/{id}"},
    {"path": "/admin/*", "scopes": ["admin", "read"]},
    {"path": "/open", "scopes": []},
]


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
