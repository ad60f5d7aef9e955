"""Framegate's data plane with all by which it is seen, or with none of it: what that costs is the difference.

On, each handshake is traced, and usage is sent every half second in place of ten: a run is shorter. Off, usage
is neither counted nor sent, nothing is measured of connections, and nothing logged.
"""

import asyncio
import http.client
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from cli.main import main
from services.data_plane import account, usage
from services.data_plane.telemetry import ConnectionMetrics, HandshakeMetrics

OFTEN_SECONDS: Final = 0.5


def _nothing(*_: Any, **__: Any) -> None:
    """Stand in for what would be seen."""


async def _never(*_: Any) -> None:
    await asyncio.Event().wait()


_OFF: Final = (
    (usage.UsageSender, "run", _never),
    *((usage.UsageBook, name, _nothing) for name in ("note_refused", "note_opened", "note_flow", "note_closed")),
    (ConnectionMetrics, "record", _nothing),
    (HandshakeMetrics, "accept", _nothing),
    (account, "record", _nothing),
)


def run(mode: str) -> None:
    """Run the command that is left in the arguments."""
    if mode == "on":
        usage.INTERVAL_SECONDS = OFTEN_SECONDS  # type: ignore[misc] # a run is shorter than the usual one
    else:
        logging.disable()
        for owner, name, stand_in in _OFF:
            if not hasattr(owner, name):
                raise AttributeError(f"{owner} has no {name} any more")
            setattr(owner, name, stand_in)
    main()


@contextmanager
def scraping(ops_port: int) -> Iterator[None]:
    """Read a pod's metrics again and again, as Prometheus does, but more often."""
    stopping = threading.Event()

    def scrape() -> None:
        while not stopping.wait(OFTEN_SECONDS):
            connection = http.client.HTTPConnection("127.0.0.1", ops_port, timeout=5)
            with suppress(OSError, http.client.HTTPException):
                connection.request("GET", "/metrics")
                connection.getresponse().read()
            connection.close()

    thread = threading.Thread(target=scrape, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


@contextmanager
def collecting() -> Iterator[str]:
    """Run a collector of traces that takes everything, and yield its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Collector)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Collector(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


if __name__ == "__main__":
    run(sys.argv.pop(1))
