"""The WebSocket relay that one writes with aiohttp: messages in on one side, out on the other.

Nothing slows it down: uvloop, aiohttp's C parser, one session with as many connections as asked for, no access log,
no compression.
"""

import ssl
import sys
from asyncio import TaskGroup
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version

import uvloop
from aiohttp import ClientSession, ClientWebSocketResponse, TCPConnector, WSMsgType, web

from benchmarks.harness.target import Peer, Site, Target
from benchmarks.peers.process import accepts, python_module, running
from cli.network import free_port

_NAME = "aiohttp"

Side = web.WebSocketResponse | ClientWebSocketResponse

BACKEND = web.AppKey("BACKEND", str)
SESSION = web.AppKey("SESSION", ClientSession)


async def relay(request: web.Request) -> web.WebSocketResponse:
    client = web.WebSocketResponse(compress=False, max_msg_size=0)
    url = request.app[BACKEND] + request.path_qs
    async with request.app[SESSION].ws_connect(url, max_msg_size=0) as backend:
        await client.prepare(request)
        async with TaskGroup() as group:
            group.create_task(pump(client, backend))
            group.create_task(pump(backend, client))
    return client


async def pump(source: Side, sink: Side) -> None:
    async for message in source:
        if message.type is WSMsgType.BINARY:
            await sink.send_bytes(message.data)
        elif message.type is WSMsgType.TEXT:
            await sink.send_str(message.data)
    await sink.close(code=source.close_code or 1000)


async def session(app: web.Application) -> AsyncIterator[None]:
    async with ClientSession(connector=TCPConnector(limit=0)) as app[SESSION]:
        yield


def serve(port: int, backend_port: int, *certificate: str) -> None:
    uvloop.install()
    app = web.Application()
    app[BACKEND] = f"ws://127.0.0.1:{backend_port}"
    app.cleanup_ctx.append(session)
    app.router.add_get("/{path:.*}", relay)
    tls = None
    if certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(*certificate)
    web.run_app(app, host="127.0.0.1", port=port, ssl_context=tls, backlog=1024, access_log=None, print=None)


@contextmanager
def start(site: Site) -> Iterator[Target]:
    port, tls = free_port(), site.certificate
    files = (tls.certificate, tls.key) if tls else ()
    command = python_module(__name__, str(port), str(site.backend_port), *map(str, files))
    with running(_NAME, command, site, partial(accepts, port)) as pid:
        yield Target(_NAME, port, site.log(_NAME), trusted=site.trusted, pids=(pid,))


PLAIN_AIOHTTP = Peer(_NAME, start, lambda: f"aiohttp {version('aiohttp')}, uvloop {version('uvloop')}")

if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
