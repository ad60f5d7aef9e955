"""Clients that echo, as Autobahn's fuzzing server wants them."""

import asyncio
from contextlib import suppress
from typing import Protocol

import aiohttp
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

DEFLATE = ClientPerMessageDeflateFactory(client_no_context_takeover=True, client_max_window_bits=True)
AGENT = "framegate"


class Echo(Protocol):
    """Echoes on one connection until it is closed; returns the first message."""

    async def __call__(self, url: str) -> str | bytes | None: ...


async def with_websockets(url: str) -> str | bytes | None:
    first = None
    with suppress(ConnectionClosed, InvalidHandshake):
        async with connect(url, proxy=None, max_size=1 << 26, extensions=[DEFLATE]) as connection:
            async for message in connection:
                first = first or message
                await connection.send(message)
    return first


async def with_aiohttp(url: str) -> str | bytes | None:
    first = None
    with suppress(aiohttp.WSServerHandshakeError):
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(url, max_msg_size=0, compress=15) as connection,
        ):
            async for message in connection:
                first = first or message.data
                if message.type is aiohttp.WSMsgType.TEXT:
                    await connection.send_str(message.data)
                elif message.type is aiohttp.WSMsgType.BINARY:
                    await connection.send_bytes(message.data)
    return first


async def run_all(echo: Echo, base: str, at_once: int) -> None:
    """Take part in every case that the server has, a few at a time, and let it report."""
    count = int(await echo(f"{base}/getCaseCount") or 0)
    turns = asyncio.Semaphore(at_once)

    async def take(case: int) -> None:
        async with turns:
            await echo(f"{base}/runCase?case={case}&agent={AGENT}")

    async with asyncio.TaskGroup() as group:
        for case in range(1, count + 1):
            group.create_task(take(case))
    await echo(f"{base}/updateReports?agent={AGENT}")
