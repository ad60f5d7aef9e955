"""Labels are bounded, whatever clients make up."""

import asyncio
import secrets
from collections.abc import Sequence

from shared.problems import PROBLEMS
from tests.integration.data_plane.conftest import Gate
from tests.support.waiting import eventually
from tests.support.wire import request, wire

HANDSHAKES = ("framegate_handshakes_total", "framegate_handshakes_created")
CLIENTS = 8
EACH = 1250


def series(gate: Gate) -> set[str]:
    """Return the names of all series, with their labels."""
    gate.pod.report()
    lines = gate.pod.telemetry.render().decode().splitlines()
    return {line.rpartition(" ")[0] for line in lines if not line.startswith("#")}


def made_up() -> bytes:
    """Return a handshake in which everything that a client may choose is new."""
    some = secrets.token_hex
    return request(
        f"/{some(8)}/{some(2)}/{some(4)}?{some(4)}={some(4)}",
        ("Host", f"{some(8)}.test"),
        ("Origin", f"https://{some(8)}.test"),
        ("X-API-Key", some(16)),
        ("User-Agent", some(16)),
        ("traceparent", f"00-{some(16)}-{some(8)}-01"),
        ("Sec-WebSocket-Protocol", some(8)),
        (f"X-{some(8)}", some(8)),
        method=some(3) if secrets.randbelow(10) == 0 else "GET",
    )


def to_the_api(attempt: int) -> bytes:
    """Return a handshake that finds the API, with a credential and a path that nobody has."""
    return request(f"/echo/1.0/{attempt}/{secrets.token_hex(8)}", ("X-API-Key", secrets.token_hex(16)))


async def ask(gate: Gate, requests: Sequence[bytes]) -> None:
    for data in requests:
        async with wire(gate.port) as client:
            client.send(data)
            await client.head()


async def test_ten_thousand_made_up_paths_hosts_and_keys_make_no_series(gate: Gate) -> None:
    async with gate.connect() as client:
        await client.send("hello")
    await eventually(lambda: not len(gate.pod.registry))
    await ask(gate, [made_up() for _ in range(50)] + [to_the_api(number) for number in range(120)])
    before = series(gate)
    crowd = [[made_up() if number % 2 else to_the_api(number) for number in range(EACH)] for _ in range(CLIENTS)]
    async with asyncio.TaskGroup() as group:
        for requests in crowd:
            group.create_task(ask(gate, requests))
    slugs = {f'{name}{{result="{slug}"}}' for slug in PROBLEMS for name in HANDSHAKES}
    assert series(gate) - before <= slugs
    assert len(gate.pod.usage.book) < 20
