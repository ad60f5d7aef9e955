"""Who looks at a pod: what scrapes its metrics, and what takes its traces."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

SCRAPE_SECONDS: Final = 10.0


@contextmanager
def scraping(ops_port: int) -> Iterator[None]:
    """Read a pod's metrics again and again, as Prometheus does."""
    stopping = threading.Event()

    def scrape() -> None:
        while not stopping.wait(SCRAPE_SECONDS):
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
