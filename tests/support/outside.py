"""An issuer that is not ours, on a loopback port: discovery, keys, and tokens as such issuers make them."""

import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from joserfc import jwt
from joserfc.jwk import ECKey, Key, RSAKey

AUDIENCE: Final = "https://gateway.example"
DISCOVERY: Final = "/.well-known/openid-configuration"


@dataclass
class Answer:
    """What a path answers. A `body` that is no bytes is sent as JSON."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    pause_seconds: float = 0.0
    """Between any two bytes."""


class Outside(ThreadingHTTPServer):
    """An issuer. What it answers can be bent by `answers`, by path."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.issuer = f"http://127.0.0.1:{self.server_port}/realms/partner"
        self.keys: list[Key] = [make_key()]
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []

    @property
    def jwks(self) -> dict[str, Any]:
        return {"keys": [key.as_dict(private=False) for key in self.keys]}

    def answer(self, path: str) -> Answer:
        if path in self.answers:
            return self.answers[path]
        if path == f"/realms/partner{DISCOVERY}":
            return Answer({"issuer": self.issuer, "jwks_uri": f"http://127.0.0.1:{self.server_port}/keys"})
        return Answer(self.jwks) if path == "/keys" else Answer({}, 404)

    def token(self, client: str = "their-app", *, seconds: int = 3600, typ: str = "JWT", **claims: Any) -> str:
        """Sign a token with the newest key. A claim of None is left out."""
        now = int(time.time())  # noqa: TID251 - a test's tokens are of now
        said = {
            "iss": self.issuer,
            "sub": "alice",
            "aud": ["account", AUDIENCE],
            "azp": client,
            "iat": now,
            "exp": now + seconds,
            "jti": uuid.uuid4().hex,
        } | claims
        key = self.keys[-1]
        header = {"alg": str(key.alg), "typ": typ, "kid": key.kid}
        return jwt.encode(header, {name: value for name, value in said.items() if value is not None}, key)


def make_key() -> ECKey:
    return ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)


def make_rsa_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)


@contextmanager
def outside_issuer() -> Iterator[Outside]:
    with Outside() as issuer:
        thread = threading.Thread(target=issuer.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield issuer
        finally:
            issuer.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: Outside

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        answer = self.server.answer(self.path)
        content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        for name, value in {"Content-Length": str(len(content)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        pieces = [content] if not answer.pause_seconds else [content[i : i + 1] for i in range(len(content))]
        for piece in pieces:
            try:
                self.wfile.write(piece)
            except OSError:
                return  # nobody waits any more
            time.sleep(answer.pause_seconds)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
