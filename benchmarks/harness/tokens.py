"""Clients that ask an issuer for one token after another, each on a connection that it keeps."""

import asyncio
import json
from asyncio import StreamReader, StreamWriter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final, cast
from urllib.request import urlopen

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, KeySetSerialization

from benchmarks.harness.cpu import spent_seconds
from benchmarks.harness.errors import LoadError

_WARM_SECONDS: Final = 0.5
_ANSWER_SECONDS: Final = 10
_BODY: Final = b"grant_type=client_credentials"


@dataclass(frozen=True, slots=True)
class Issuer:
    """An issuer that runs, and whose CPU time its tokens cost; `beside` it are a database and the like."""

    name: str
    port: int
    token_path: str
    jwks_path: str
    authorization: str
    log: Path
    pids: tuple[int, ...]
    beside: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Issued:
    """One run."""

    tokens: int
    seconds: float
    cpu_seconds: float
    beside_cpu_seconds: float

    @property
    def a_cpu_second(self) -> float:
        return self.tokens / self.cpu_seconds


def run(issuer: Issuer, connections: int, seconds: float) -> Issued:
    """Ask for tokens after a warm-up, and look at each. Raises `LoadError`."""
    try:
        asyncio.run(_ask_all(issuer, connections, _WARM_SECONDS))
        spent, beside, began = spent_seconds(issuer.pids), spent_seconds(issuer.beside), monotonic()
        tokens = asyncio.run(_ask_all(issuer, connections, seconds))
        took = monotonic() - began
        sample = Issued(len(tokens), took, spent_seconds(issuer.pids) - spent, spent_seconds(issuer.beside) - beside)
    except* LoadError as wrong:
        raise LoadError(f"{issuer.name}: {wrong.exceptions[0]}") from wrong
    except* (OSError, TimeoutError, asyncio.IncompleteReadError) as errors:
        raise LoadError(f"{issuer.name} does not answer: {errors.exceptions[0]!r} (its log: {issuer.log})") from errors
    _check(issuer, tokens)
    return sample


async def _ask_all(issuer: Issuer, connections: int, seconds: float) -> list[str]:
    until = monotonic() + seconds
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_ask_on(issuer, until)) for _ in range(connections)]
    return [token for task in tasks for token in task.result()]


async def _ask_on(issuer: Issuer, until: float) -> list[str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", issuer.port)
    head = (
        f"POST {issuer.token_path} HTTP/1.1\r\nHost: 127.0.0.1:{issuer.port}\r\n"
        f"Authorization: {issuer.authorization}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(_BODY)}\r\n\r\n"
    )
    request, tokens = head.encode() + _BODY, list[str]()
    try:
        while monotonic() < until:
            async with asyncio.timeout(_ANSWER_SECONDS):
                tokens.append(await _ask(reader, writer, request))
    finally:
        writer.close()
    return tokens


async def _ask(reader: StreamReader, writer: StreamWriter, request: bytes) -> str:
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status, *fields = head.split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    if status.split()[1] != "200":
        raise LoadError(f"no token but {status}: {body.decode(errors='replace')}")
    return str(json.loads(body)["access_token"])


def _check(issuer: Issuer, tokens: Sequence[str]) -> None:
    """See that no token came twice, and that the last is signed as it should be."""
    if len(set(tokens)) < len(tokens):
        raise LoadError(f"{issuer.name} gives the same token twice")
    with urlopen(f"http://127.0.0.1:{issuer.port}{issuer.jwks_path}", timeout=_ANSWER_SECONDS) as answer:
        keys = KeySet.import_key_set(cast("KeySetSerialization", json.load(answer)))
    try:
        jwt.decode(tokens[-1], keys, algorithms=["ES256"])
    except JoseError as error:
        raise LoadError(f"{issuer.name} gives a token that does not verify") from error
