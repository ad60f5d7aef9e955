"""The generator measures an honest relay, and no other: one that loses or alters messages can't look fast."""

import asyncio
import itertools
import ssl
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from os import devnull, sched_getaffinity
from pathlib import Path

import pytest

from benchmarks.harness.certificate import make_certificate
from benchmarks.harness.errors import LoadError, MissingError
from benchmarks.harness.load import Load, Sample, Workload, open_load
from benchmarks.harness.target import Target

ANY_CORE = min(sched_getaffinity(0))
HEADER_BYTES = 2
FRAME_BYTES = HEADER_BYTES + 64

Tamper = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Load]:
    yield from opened(tmp_path_factory.mktemp("load"))


@pytest.fixture
def tls_load(tmp_path: Path) -> Iterator[Load]:
    yield from opened(tmp_path, with_tls=True)


def opened(folder: Path, *, with_tls: bool = False) -> Iterator[Load]:
    try:
        with open_load(ANY_CORE, folder, warm_seconds=0.0, seconds=0.05, with_tls=with_tls) as load:
            yield load
    except MissingError as error:
        pytest.fail(str(error))


async def run_through(
    load: Load,
    tamper: Tamper,
    workload: Workload,
    headers: Sequence[str] = (),
    tls: ssl.SSLContext | None = None,
    trusted: Path | None = None,
) -> Sample:
    """Run the generator through a relay that tampers with what the backend sends."""
    server = await asyncio.start_server(partial(relay, load.backend_port, tamper), "127.0.0.1", 0, ssl=tls)
    async with server:
        port = server.sockets[0].getsockname()[1]
        target = Target("relay", port, Path(devnull), trusted=trusted)
        return await asyncio.to_thread(load.run, target, workload, headers)


async def relay(
    backend_port: int, tamper: Tamper, reader: StreamReader, writer: StreamWriter, listen: Tamper = lambda chunk: chunk
) -> None:
    backend_reader, backend_writer = await asyncio.open_connection("127.0.0.1", backend_port)
    with suppress(ConnectionError):
        async with asyncio.TaskGroup() as group:
            group.create_task(pump(reader, backend_writer, listen))
            group.create_task(pump(backend_reader, writer, tamper))


async def pump(reader: StreamReader, writer: StreamWriter, tamper: Tamper) -> None:
    try:
        while chunk := await reader.read(1 << 16):
            writer.write(tamper(chunk))
            await writer.drain()
    finally:
        writer.close()


def after(count: int, change: Tamper) -> Tamper:
    """Leave the first ones alone."""
    seen = itertools.count()
    return lambda chunk: change(chunk) if next(seen) >= count else chunk


def on_frames(change: Tamper) -> Tamper:
    """Leave the handshake and the Close alone."""
    return lambda chunk: change(chunk) if len(chunk) >= FRAME_BYTES and not chunk.startswith(b"HTTP") else chunk


@pytest.mark.parametrize(
    "workload",
    [
        Workload("ping-pong", connections=3),
        Workload("burst up", connections=2, up=10),
        Workload("burst down", connections=2, down=10),
        Workload("16-bit length", connections=1, size=126),
        Workload("64-bit length, more than a read", connections=1, size=1 << 20, up=2, down=2),
    ],
    ids=lambda workload: str(workload.name),
)
async def test_an_honest_relay_is_measured(load: Load, workload: Workload) -> None:
    sample = await run_through(load, lambda chunk: chunk, workload)

    assert sample.messages >= workload.connections * (workload.up + workload.down)
    assert sample.messages % (workload.up + workload.down) == 0
    assert 0 < sample.round_us["p50"] <= sample.round_us["p99"] <= sample.round_us["max"]


async def test_with_reconnect_each_round_is_a_handshake_with_the_next_header(load: Load) -> None:
    heads: list[bytes] = []

    def listen(chunk: bytes) -> bytes:
        heads.append(chunk)
        return chunk

    echo = partial(relay, load.backend_port, lambda chunk: chunk, listen=listen)
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server:
        target = Target("relay", server.sockets[0].getsockname()[1], Path(devnull))
        workload = Workload("handshakes", connections=3, reconnect=True, handshakes=20)
        sample = await asyncio.to_thread(load.run, target, workload, [f"X-Number: {number}" for number in range(20)])

    asked = [head for head in heads if head.startswith(b"GET ")]
    assert sample.rounds == len(asked) == 20
    assert sorted(int(head.partition(b"X-Number: ")[2].split()[0]) for head in asked) == list(range(20))


async def test_with_reconnect_handshakes_go_on_for_a_time(load: Load) -> None:
    sample = await run_through(load, lambda chunk: chunk, Workload("handshakes", connections=4, reconnect=True))

    assert sample.rounds >= 4
    assert sample.messages == 2 * sample.rounds


async def test_at_a_rate_what_had_to_wait_counts_from_when_it_was_due(load: Load) -> None:
    """A stall in a closed loop is one slow round; here it makes half of them late, as it would for real clients."""
    stalled = False

    def stall(chunk: bytes) -> bytes:
        nonlocal stalled
        if not stalled:
            time.sleep(0.3)  # all of the relay stands still
            stalled = True
        return chunk

    workload = Workload("rate", connections=4, rate=200)
    sample = await run_through(replace(load, seconds=0.5), on_frames(after(4, stall)), workload)

    assert sample.rounds == 100
    assert sample.round_us["p50"] > 30_000
    assert 250_000 < sample.round_us["max"] < 2_000_000


async def test_tls_is_spoken_with_the_trusted_certificate_alone(tls_load: Load, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    (tmp_path / "other").mkdir()
    other = make_certificate(tmp_path / "other")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.certificate, certificate.key)
    through = partial(run_through, tls_load, lambda chunk: chunk, tls=context)

    sample = await through(Workload("tls", connections=2, size=1 << 17), trusted=certificate.certificate)

    assert sample.rounds >= 2
    with pytest.raises(LoadError, match="the TLS handshake failed: certificate verify failed"):
        await through(Workload("tls", connections=1), trusted=other.certificate)


async def test_a_ping_is_answered_while_connections_rest(load: Load) -> None:
    """A gateway pings, and cuts off whoever does not answer."""
    ponged = asyncio.Event()

    async def gateway(reader: StreamReader, writer: StreamWriter) -> None:
        def swallow_pong(chunk: bytes) -> bytes:
            if chunk == b"\x8a\x82\0\0\0\0hi":
                ponged.set()
                return b""
            return chunk

        def add_ping(chunk: bytes) -> bytes:
            return chunk + b"\x89\x02hi"

        await relay(load.backend_port, on_frames(add_ping), reader, writer, listen=swallow_pong)

    async with await asyncio.start_server(gateway, "127.0.0.1", 0) as server:
        target = Target("gateway", server.sockets[0].getsockname()[1], Path(devnull))
        loop = asyncio.get_running_loop()

        def hold() -> None:
            with load.connected(target, Workload("idle", connections=1)):
                asyncio.run_coroutine_threadsafe(ponged.wait(), loop).result(10)

        await asyncio.to_thread(hold)


async def test_connections_stay_open_while_they_are_held(load: Load) -> None:
    server = await asyncio.start_server(partial(relay, load.backend_port, lambda chunk: chunk), "127.0.0.1", 0)

    def hold(target: Target) -> Sample:
        with load.connected(target, Workload("idle", connections=5)) as held:
            return held.run()

    async with server:
        sample = await asyncio.to_thread(hold, Target("relay", server.sockets[0].getsockname()[1], Path(devnull)))

    assert sample.rounds >= 5


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        pytest.param(lambda chunk: chunk[:-1] + b"x", "a payload was altered", id="altered"),
        pytest.param(lambda chunk: chunk + chunk, "got one twice", id="doubled"),
        pytest.param(lambda chunk: chunk[FRAME_BYTES:], "lost a message", id="lost"),
        pytest.param(lambda chunk: b"\x81" + chunk[1:], "another opcode", id="text"),
        pytest.param(lambda chunk: b"\x02" + chunk[1:], "not whole", id="fragment"),
        pytest.param(lambda chunk: b"\x82\x3f" + chunk[2:], "another length", id="cut"),
        pytest.param(lambda chunk: b"\x82\xc0" + chunk[2:], "masked", id="masked"),
        pytest.param(lambda _: b"\x88\x00", "a client got a Close in the middle", id="closed"),
    ],
)
async def test_a_relay_that_is_not_honest_is_caught(load: Load, change: Tamper, complaint: str) -> None:
    with pytest.raises(LoadError, match=complaint):
        await run_through(load, on_frames(change), Workload("tampered", connections=1, down=2))


async def test_messages_of_another_connection_are_caught(load: Load) -> None:
    def readdress(chunk: bytes) -> bytes:
        return chunk[:HEADER_BYTES] + b"\x07" + chunk[HEADER_BYTES + 1 :]

    with pytest.raises(LoadError, match="another connection"):
        await run_through(load, on_frames(readdress), Workload("crossed", connections=1))


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (b"HTTP/1.1 401 Unauthorized\r\n\r\n", "refused: HTTP/1.1 401 Unauthorized"),
        (b"HTTP/1.1 101 Yes\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n", "wrong accept value"),
    ],
)
async def test_a_refused_handshake_says_why(load: Load, answer: bytes, complaint: str) -> None:
    with pytest.raises(LoadError, match=complaint):
        await run_through(load, lambda _: answer, Workload("refused", connections=1))
