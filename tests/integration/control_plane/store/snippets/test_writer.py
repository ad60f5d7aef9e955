"""Snippets as programs, against a gateway that refuses and closes as ours does."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from services.control_plane.store.snippets.writer import Writer
from tests.support.snippets import NAME, RUN, Client, run_in_browser, run_snippet, serve_app
from tests.support.waiting import free_port
from tests.unit.control_plane.store.snippets.test_writer import make_read

pytestmark = pytest.mark.timeout(180)  # the first test that needs packages of npm installs them

SCOPES = ["read", "a&b;$(id)'"]
KEY, SECRET = "a-consumer-key", "a-consumer-secret"
ALLOW = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "Authorization, Content-Type"}


End = tuple[int, str]
"""A status before the upgrade with its Retry-After, or a close code after it with its reason."""

SCRIPTS: tuple[tuple[End, End], ...] = (
    ((429, "1"), (4999, "stay-away")),
    ((4429, "quota_exceeded; limit=subscription; unit=messages; retry_after_ms=1000"), (4500, "stay-away")),
    ((1012, "draining"), (1008, "stay-away")),
)


@dataclass
class Gateway:
    """Ends one connection after the other as the script says."""

    script: Sequence[End]
    port: int = 0
    arrivals: list[float] = field(default_factory=list)

    async def token(self, request: web.Request) -> web.Response:
        form = dict(await request.post())
        asked = {"grant_type": "client_credentials", "client_id": KEY, "client_secret": SECRET}
        assert form == asked | {"scope": " ".join(SCOPES)}
        return web.json_response({"access_token": "the-token", "token_type": "Bearer"})

    async def ticket(self, request: web.Request) -> web.Response:
        if request.method == "POST":
            assert request.headers["Authorization"] == "Bearer the-token"
            assert await request.json() == {"api_id": "1f2e"}
        return web.json_response({"ticket": "the-ticket"}, headers=ALLOW)

    async def connect(self, request: web.Request) -> web.StreamResponse:
        assert request.query.get("ticket") == "the-ticket" or request.headers["Authorization"] == "Bearer the-token"
        self.arrivals.append(time.monotonic())
        code, words = self.script[len(self.arrivals) - 1]
        if code < 1000:
            return web.Response(status=code, headers={"Retry-After": words})
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(await socket.receive_str())
        await socket.close(code=code, message=words.encode())
        return socket

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        app = web.Application()
        app.add_routes(
            [
                web.post("/oauth2/token", self.token),
                web.route("*", "/store/v1/tickets", self.ticket),
                web.get("/echo", self.connect),
            ]
        )
        async with serve_app(app) as self.port:
            yield


def start(language: str, gateway: Gateway, folder: Path) -> AbstractAsyncContextManager[Client]:
    base = f"localhost:{gateway.port}"
    api = make_read(scopes=SCOPES, gateway_urls=[f"ws://{base}/echo"])
    text = Writer(f"http://{base}").write(api, language).text
    if language == "browser":
        return run_in_browser(text, free_port(), "the-token")
    return run_snippet(language, text, folder / language, CONSUMER_KEY=KEY, CONSUMER_SECRET=SECRET)


async def run_to_the_end(language: str, script: Sequence[End], folder: Path) -> tuple[list[float], Client]:
    """Return when the client came, and what it said."""
    gateway = Gateway(script)
    async with gateway.run(), start(language, gateway, folder) as client:
        try:
            async with asyncio.timeout(25):
                await client.ended.wait()
        except TimeoutError:
            pytest.fail(f"{language} did not end: {client.lines}")
    return gateway.arrivals, client


@pytest.mark.parametrize("_tools", [NAME], ids=str)
async def test_a_client_comes_back_when_it_is_told_to(_tools: str, tmp_path: Path) -> None:
    told = [(language, number) for language in RUN for number in range(len(SCRIPTS))]
    runs = (run_to_the_end(language, SCRIPTS[number], tmp_path / str(number)) for language, number in told)
    for (language, number), (arrivals, client) in zip(told, await asyncio.gather(*runs), strict=True):
        (code, _), (last, _) = SCRIPTS[number]
        assert len(arrivals) == 2, (language, code, client.lines)
        assert client.count(f"{last}.*stay-away"), (language, client.lines)
        sees_wait = code == 4429 or (code == 429 and language not in ("browser", "wscat"))  # these show no headers
        assert arrivals[1] - arrivals[0] >= (1 if sees_wait else 0), (language, code)
        assert client.count("hello") >= (1 if code < 1000 else 2), (language, client.lines)


async def test_curl_shows_the_handshake_and_tries_again(tmp_path: Path) -> None:
    arrivals, client = await run_to_the_end("curl", ((429, "1"), (403, "")), tmp_path)
    assert [client.count(f"HTTP/1.1 {status}") for status in (429, 403)] == [1, 1], client.lines
    assert arrivals[1] - arrivals[0] >= 1
