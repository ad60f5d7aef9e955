"""`framegate connect`: a WebSocket client to type into, or to call from scripts."""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator
from typing import Annotated

import typer
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_connection
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.frames import CloseCode
from websockets.http11 import Response

from cli import tokens
from cli.errors import CommandError
from shared.problems import COME_BACK, PROBLEMS, STAY_AWAY

_MAX_MESSAGE_BYTES = 64 << 20
_NORMAL = (CloseCode.NORMAL_CLOSURE, CloseCode.GOING_AWAY, CloseCode.NO_STATUS_RCVD)
# What a terminal would take for a command.
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}


def run(
    url: Annotated[str, typer.Argument(help="ws:// or wss://", metavar="URL")],
    *,
    token: Annotated[str, typer.Option(envvar="FRAMEGATE_TOKEN", help="An access token.")] = "",
    client_id: tokens.ClientId = "",
    client_secret: tokens.ClientSecret = "",
    token_url: tokens.TokenUrl = tokens.DEFAULT_TOKEN_URL,
    message: Annotated[list[str] | None, typer.Option("--message", "-m", help="Send this; may be repeated.")] = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to listen after the last message.")] = 1.0,
    subprotocol: Annotated[list[str] | None, typer.Option(help="Offer this; may be repeated.")] = None,
) -> None:
    """Talk to a WebSocket API: type a message, see the answers. Ctrl-D ends it.

    Without --token it fetches one by --client-id and --client-secret.

    The exit code is 1 where the handshake is refused or the connection does not end normally.
    """
    if not token and client_id:
        token = tokens.fetch(token_url, client_id, client_secret)["access_token"]
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    lines = _each(message) if message else _typed()
    # A person who types Ctrl-D has seen the answers.
    wait_seconds = 0 if not message and sys.stdin.isatty() else wait
    try:
        code = asyncio.run(_converse(url, headers, subprotocol, lines, wait_seconds))
    except KeyboardInterrupt:
        code = 130
    raise typer.Exit(code)


async def _converse(
    url: str,
    headers: dict[str, str],
    subprotocols: list[str] | None,
    lines: AsyncIterator[str],
    wait_seconds: float,
) -> int:
    connection = await _open(url, headers, subprotocols)
    chosen = f", subprotocol {connection.subprotocol}" if connection.subprotocol else ""
    _say(f"connected to {url}{chosen}")
    async with connection, asyncio.TaskGroup() as group:
        sender = group.create_task(_send(connection, lines, wait_seconds))
        await _show_messages(connection)
        sender.cancel()
    _say(f"closed: {describe_close(connection.close_code, connection.close_reason or '')}")
    return 0 if connection.close_code in _NORMAL else 1


async def _open(url: str, headers: dict[str, str], subprotocols: list[str] | None) -> ClientConnection:
    try:
        return await open_connection(
            url,
            additional_headers=headers,
            subprotocols=subprotocols,  # type: ignore[arg-type] # each is a str by another name
            max_size=_MAX_MESSAGE_BYTES,
        )
    except InvalidURI as error:
        raise CommandError(f"{url} is not a WebSocket URL: it starts with ws:// or wss://") from error
    except InvalidStatus as error:
        raise CommandError(describe_refusal(error.response)) from error
    except (OSError, InvalidHandshake, ValueError) as error:
        raise CommandError(f"can't connect to {url}: {error}") from error


async def _send(connection: ClientConnection, lines: AsyncIterator[str], wait_seconds: float) -> None:
    try:
        async for line in lines:
            await connection.send(line)
        await asyncio.sleep(wait_seconds)
        await connection.close()
    except ConnectionClosed:
        return  # whoever receives tells why


async def _show_messages(connection: ClientConnection) -> None:
    try:
        async for message in connection:
            print(_printable(message), flush=True)
    except ConnectionClosed:
        return  # close_code and close_reason say what happened


def _printable(message: str | bytes) -> str:
    """Return a message as it is for a pipe, and without power over it for a terminal."""
    text = message if isinstance(message, str) else f"({len(message)} bytes) {message[:64].hex(' ')}"
    return f"< {text.translate(_CONTROLS)}" if sys.stdout.isatty() else text


def describe_close(code: int | None, reason: str) -> str:
    """Say in words why a connection closed."""
    if code is None or code == CloseCode.ABNORMAL_CLOSURE:
        return "1006, the connection was lost without a close frame"
    problem = PROBLEMS.get(reason)
    title = problem.title if problem else reason
    advice = "come back later" if code in COME_BACK else "don't come back" if code in STAY_AWAY else ""
    slug = reason if problem else _code_name(code)
    return ", ".join(part for part in (f"{code} {slug}".strip(), title, advice) if part).translate(_CONTROLS)


def _code_name(code: int) -> str:
    try:
        return CloseCode(code).name.lower()
    except ValueError:
        return ""


def describe_refusal(response: Response) -> str:
    """Say in words why a handshake was refused."""
    body = tokens.read_json(bytes(response.body or b""))
    words = [str(body[key]) for key in ("title", "detail") if body.get(key)] or [response.reason_phrase]
    if retry_after := response.headers.get("Retry-After"):
        words.append(f"retry after {retry_after} s")
    return f"refused: HTTP {response.status_code}, {': '.join(words)}".translate(_CONTROLS)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


async def _each(messages: list[str]) -> AsyncIterator[str]:
    for message in messages:
        yield message


async def _typed() -> AsyncIterator[str]:
    """Yield the lines of the standard input.

    A daemon thread reads them, for a read that waits for a person can't be cancelled. It has a file of its own: at
    exit the interpreter would wait for the lock of `sys.stdin`.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[str | None] = asyncio.Queue(maxsize=1)

    def read() -> None:
        with open(0, closefd=False, errors="replace") as file:
            try:
                for line in file:
                    asyncio.run_coroutine_threadsafe(queue.put(line.rstrip("\r\n")), loop).result()
                asyncio.run_coroutine_threadsafe(queue.put(None), loop).result()
            except RuntimeError:
                return  # the loop has ended meanwhile

    threading.Thread(target=read, daemon=True).start()
    while (line := await queue.get()) is not None:
        yield line
