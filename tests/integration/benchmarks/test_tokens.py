"""The clients that ask for tokens look at what they get: no issuer seems fast by answering something else."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from benchmarks.harness.cores import Cores
from benchmarks.harness.errors import LoadError
from benchmarks.harness.target import Site
from benchmarks.harness.tokens import Issuer, run
from benchmarks.peers import issuing_authlib
from tests.support.waiting import free_port

KEY, OTHER = ECKey.generate_key("P-256", {"kid": "1"}), ECKey.generate_key("P-256", {"kid": "1"})


@contextmanager
def answering(status: int, key: ECKey, *, fresh: bool) -> Iterator[Issuer]:
    """Serve an issuer that answers so."""
    first = jwt.encode({"alg": "ES256", "kid": "1"}, {}, key)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            token = jwt.encode({"alg": "ES256", "kid": "1"}, {}, key)  # no signature is like another
            self._send(status, {"access_token": token if fresh else first})

        def do_GET(self) -> None:
            self._send(200, {"keys": [KEY.as_dict(private=False)]})

        def log_message(self, *_: object) -> None: ...

        def _send(self, code: int, body: dict[str, object]) -> None:
            content = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Issuer("fake", server.server_port, "/token", "/jwks", "Basic x", Path("log"), (os.getpid(),))
        server.shutdown()


def test_tokens_are_counted_with_the_time_that_they_cost() -> None:
    with answering(200, KEY, fresh=True) as issuer:
        sample = run(issuer, 2, 0.3)
    assert sample.tokens > 10
    assert sample.cpu_seconds > 0
    assert sample.a_cpu_second == pytest.approx(sample.tokens / sample.cpu_seconds)


@pytest.mark.parametrize(
    ("status", "key", "fresh", "why"),
    [(401, KEY, True, "401"), (200, OTHER, True, "does not verify"), (200, KEY, False, "same token twice")],
)
def test_what_is_no_good_token_ends_the_benchmark(status: int, key: ECKey, fresh: bool, why: str) -> None:
    with answering(status, key, fresh=fresh) as issuer, pytest.raises(LoadError, match=why):
        run(issuer, 1, 0.1)


def test_an_issuer_that_is_not_there_ends_it_too() -> None:
    issuer = Issuer("gone", free_port(), "/token", "/jwks", "Basic x", Path("log"), (os.getpid(),))
    with pytest.raises(LoadError, match="gone does not answer"):
        run(issuer, 1, 0.1)


def test_the_peer_issues_tokens_that_verify(tmp_path: Path) -> None:
    cores = sorted(os.sched_getaffinity(0))
    with issuing_authlib.start(Site(0, tmp_path, Cores(cores[-1], cores[0]))) as issuer:
        assert run(issuer, 2, 0.3).tokens > 10
