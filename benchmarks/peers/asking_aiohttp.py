"""The plain aiohttp relay with a limit as one writes it first: each message asks Redis, in one script, and waits."""

import sys
from asyncio import TaskGroup
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from typing import Final

import uvloop
from aiohttp import WSMsgType, web
from redis.asyncio import Redis
from redis.commands.core import AsyncScript

from benchmarks.harness.target import Peer, Site, Target
from benchmarks.peers.plain_aiohttp import BACKEND, SESSION, Side, session
from benchmarks.peers.process import accepts, python_module, running
from benchmarks.peers.redis_beside import redis_beside
from cli.network import free_port

_NAME = "aiohttp-asking"

ASK = web.AppKey("ASK", AsyncScript)

COUNT: Final = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return count <= tonumber(ARGV[1])
"""
NEVER_REACHED: Final = 10**12
WINDOW_MS: Final = 60_000


async def relay(request: web.Request) -> web.WebSocketResponse:
    client = web.WebSocketResponse(compress=False, max_msg_size=0)
    url, ask = request.app[BACKEND] + request.path_qs, request.app[ASK]
    async with request.app[SESSION].ws_connect(url, max_msg_size=0) as backend:
        await client.prepare(request)
        async with TaskGroup() as group:
            group.create_task(pump(client, backend, ask))
            group.create_task(pump(backend, client, ask))
    return client


async def pump(source: Side, sink: Side, ask: AsyncScript) -> None:
    async for message in source:
        if not await ask(keys=["limit"], args=[NEVER_REACHED, WINDOW_MS]):
            continue
        if message.type is WSMsgType.BINARY:
            await sink.send_bytes(message.data)
        elif message.type is WSMsgType.TEXT:
            await sink.send_str(message.data)
    await sink.close(code=source.close_code or 1000)


async def counter(url: str, app: web.Application) -> AsyncIterator[None]:
    async with Redis.from_url(url, protocol=3) as redis:
        app[ASK] = redis.register_script(COUNT)
        yield


def serve(port: int, backend_port: int, redis_url: str) -> None:
    uvloop.install()
    app = web.Application()
    app[BACKEND] = f"ws://127.0.0.1:{backend_port}"
    app.cleanup_ctx.extend([session, partial(counter, redis_url)])
    app.router.add_get("/{path:.*}", relay)
    web.run_app(app, host="127.0.0.1", port=port, backlog=1024, access_log=None, print=None)


@contextmanager
def start(site: Site) -> Iterator[Target]:
    port = free_port()
    with redis_beside(site.cores.load) as redis:
        command = python_module(__name__, str(port), str(site.backend_port), redis.url)
        with running(_NAME, command, site, partial(accepts, port)) as pid:
            log = site.log(_NAME)
            yield Target(_NAME, port, log, pids=(pid,), beside=(redis.pid,), questions=redis.questions)


ASKING_AIOHTTP = Peer(_NAME, start, lambda: f"aiohttp {version('aiohttp')}, redis-py {version('redis')}")

if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
