"""A pod that is out of descriptors: it neither spins nor dies, and goes on when there are some again.

The limit is a process's own, so the listener has one to itself.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.proxy import LOCAL
from tests.support.waiting import wait_until

LIMIT = 40
CODE = """
import asyncio, logging, resource, sys
import uvloop
from services.data_plane.forwarded import TrustedProxies
from services.data_plane.listener import Listener

async def greet(exchange, request):
    exchange.refuse(b"HTTP/1.1 200 OK\\r\\n\\r\\nhello")

async def main():
    proxies = TrustedProxies.parse("127.0.0.1") if sys.argv[1] == "with-proxy-protocol" else None
    listener = Listener(
        greet, capacity=1000, count_open=lambda: 0, proxies=proxies, on_refused=lambda cause: None
    )
    print(await listener.listen("127.0.0.1", 0), flush=True)
    await asyncio.Event().wait()

logging.basicConfig(level=logging.WARNING)
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[2]), int(sys.argv[2])))
uvloop.run(main())
"""


@contextmanager
def listening(kind: str) -> Iterator[tuple[int, int]]:
    """Run a listener; yield its process id and port."""
    with subprocess.Popen([sys.executable, "-c", CODE, kind, str(LIMIT)], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield process.pid, int(process.stdout.readline())
        finally:
            process.kill()


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def greeting(port: int, first: bytes) -> bytes:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2) as client:
        client.sendall(first + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        return client.recv(100)
    return b""


@pytest.mark.parametrize(("kind", "first"), [("plain", b""), ("with-proxy-protocol", LOCAL)])
def test_a_listener_without_descriptors_rests_and_recovers(kind: str, first: bytes) -> None:
    with listening(kind) as (pid, port):
        assert greeting(port, first).endswith(b"hello")
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(LIMIT + 20)]
        wait_until(lambda: len(list(Path(f"/proc/{pid}/fd").iterdir())) >= LIMIT - 2)
        before = cpu_seconds(pid)
        assert not greeting(port, first)  # two seconds for nothing
        assert cpu_seconds(pid) - before < 0.5
        for client in silent:
            with closing(client):
                pass
        wait_until(lambda: greeting(port, first).endswith(b"hello"), within=10)
