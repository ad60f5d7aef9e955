import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest

from cli.errors import CommandError
from tests.support.command import framegate

SECRETS = {"FRAMEGATE_CLIENT_ID": "me", "FRAMEGATE_CLIENT_SECRET": "s%c:ret"}


@contextmanager
def token_endpoint(status: int, body: bytes) -> Iterator[tuple[str, list[tuple[str, dict[str, list[str]]]]]]:
    """Answer every request so, and keep its Authorization header and form."""
    seen: list[tuple[str, dict[str, list[str]]]] = []

    class Endpoint(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers["Content-Length"])).decode()
            seen.append((self.headers["Authorization"], parse_qs(form)))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/oauth2/token", seen
        finally:
            server.shutdown()
            thread.join(timeout=5)


def test_prints_the_token_or_all_of_the_answer() -> None:
    answer = {"access_token": "abc", "token_type": "Bearer", "expires_in": 60}
    with token_endpoint(200, json.dumps(answer).encode()) as (url, _):
        assert framegate("token", "--token-url", url, env=SECRETS).out == "abc\n"
        assert json.loads(framegate("token", "--token-url", url, "-o", "json", env=SECRETS).out) == answer


def test_asks_as_rfc_6749_wants() -> None:
    with token_endpoint(200, b'{"access_token": "abc"}') as (url, seen):
        framegate("token", "--token-url", url, "--scope", "a b", env=SECRETS)
    authorization, form = seen[0]
    assert base64.b64decode(authorization.removeprefix("Basic ")) == b"me:s%25c%3Aret"
    assert form == {"grant_type": ["client_credentials"], "scope": ["a b"]}


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, b'{"error": "invalid_client", "error_description": "unknown"}', "HTTP 401 invalid_client: unknown"),
        (502, b"<html>", "HTTP 502"),
        (200, b'{"access_token": 1}', "HTTP 200"),
    ],
)
def test_says_why_there_is_no_token_and_keeps_the_secret(status: int, body: bytes, said: str) -> None:
    with token_endpoint(status, body) as (url, _):
        error = framegate("token", "--token-url", url, env=SECRETS).error
    assert isinstance(error, CommandError)
    assert str(error) == f"no token from {url}: {said}"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "nonsense", "http://[::1"])
def test_says_that_nobody_answers(url: str) -> None:
    error = framegate("token", "--token-url", url, env=SECRETS).error
    assert isinstance(error, CommandError)
    assert f"can't fetch a token from {url}: " in str(error)


def test_options_go_over_the_environment_and_a_missing_one_is_named() -> None:
    with token_endpoint(200, b'{"access_token": "abc"}') as (url, seen):
        framegate("token", "--token-url", url, "--client-id", "you", env=SECRETS)
    assert base64.b64decode(seen[0][0].removeprefix("Basic ")).startswith(b"you:")
    ran = framegate("token", env={"FRAMEGATE_CLIENT_ID": None, "FRAMEGATE_CLIENT_SECRET": None})
    assert ran.exit_code == 1
    assert "--client-id" in ran.err
