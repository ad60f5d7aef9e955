"""An echo backend: `python -m cli.echo --port 9000`."""

import asyncio
import signal
from collections.abc import Sequence
from typing import Annotated

import typer
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

_MAX_MESSAGE_BYTES = 64 << 20


def run(
    port: Annotated[int, typer.Option(min=0, max=65535)] = 9000,
    prefix: Annotated[str, typer.Option(help="Goes before each text, so that one echo differs from another.")] = "",
) -> None:
    """Send every message back to its sender."""
    asyncio.run(_serve(port, prefix))


async def _serve(port: int, prefix: str) -> None:
    async def echo(connection: ServerConnection) -> None:
        try:
            async for message in connection:
                await connection.send(f"{prefix}{message}" if isinstance(message, str) else message)
        except ConnectionClosed:
            return

    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with serve(echo, "127.0.0.1", port, max_size=_MAX_MESSAGE_BYTES, select_subprotocol=_first, close_timeout=1):
        await stopped.wait()


def _first(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return offered[0] if offered else None


if __name__ == "__main__":
    typer.run(run)
