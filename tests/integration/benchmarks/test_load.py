"""The generator measures an honest relay, and no other: one that loses or alters messages can't look fast."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from os import devnull, sched_getaffinity
from pathlib import Path

import pytest

from benchmarks.harness.errors import LoadError, MissingError
from benchmarks.harness.load import Load, Sample, Workload, open_load
from benchmarks.harness.target import Target

ANY_CORE = min(sched_getaffinity(0))
HEADER_BYTES = 2
FRAME_BYTES = HEADER_BYTES + 64

Tamper = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Load]:
    folder: Path = tmp_path_factory.mktemp("load")
    try:
        with open_load(ANY_CORE, folder, warm_seconds=0.0, seconds=0.05) as opened:
            yield opened
    except MissingError as error:
        pytest.fail(str(error))


async def run_through(load: Load, tamper: Tamper, workload: Workload) -> Sample:
    """Run the generator through a relay that tampers with what the backend sends."""
    async with await asyncio.start_server(partial(relay, load.backend_port, tamper), "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        return await asyncio.to_thread(load.run, Target("relay", port, Path(devnull)), workload)


async def relay(backend_port: int, tamper: Tamper, reader: StreamReader, writer: StreamWriter) -> None:
    backend_reader, backend_writer = await asyncio.open_connection("127.0.0.1", backend_port)
    with suppress(ConnectionError):
        async with asyncio.TaskGroup() as group:
            group.create_task(pump(reader, backend_writer, lambda chunk: chunk))
            group.create_task(pump(backend_reader, writer, tamper))


async def pump(reader: StreamReader, writer: StreamWriter, tamper: Tamper) -> None:
    try:
        while chunk := await reader.read(1 << 16):
            writer.write(tamper(chunk))
            await writer.drain()
    finally:
        writer.close()


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
        pytest.param(lambda _: b"\x88\x00", "a Close came in the middle", id="closed"),
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
