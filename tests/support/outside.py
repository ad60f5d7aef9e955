"""An issuer that is not ours, on a loopback port: discovery, keys, and tokens as such issuers make them."""

import json
import threading
import time
import uuid
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qsl, quote_plus

from joserfc import jwt
from joserfc.jwk import ECKey, Key, RSAKey

CLIENT_ID: Final = "the gateway"
CLIENT_SECRET: Final = "what they know the gateway by: 100 %"
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
        self.opaque: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []

    @property
    def introspection_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/introspect"

    @property
    def jwks(self) -> dict[str, Any]:
        return {"keys": [key.as_dict(private=False) for key in self.keys]}

    def answer(self, path: str) -> Answer:
        if path in self.answers:
            return self.answers[path]
        if path == f"/realms/partner{DISCOVERY}":
            return Answer({"issuer": self.issuer, "jwks_uri": f"http://127.0.0.1:{self.server_port}/keys"})
        return Answer(self.jwks) if path == "/keys" else Answer({}, 404)

    def opaque_token(self, client: str = "their-app", *, seconds: int = 3600, **claims: Any) -> str:
        """Make a token that says nothing to anybody else. A claim of None is left out."""
        token = f"opaque-{uuid.uuid4().hex}"
        said = self._claims(client, seconds) | {"active": True} | claims
        self.opaque[token] = {name: value for name, value in said.items() if value is not None}
        return token

    def introspect(self, form: str, authorization: str) -> Answer:
        """Answer as RFC 7662, section 2.2, says, who authenticates as RFC 6749, section 2.3.1, says."""
        pair = f"{quote_plus(CLIENT_ID)}:{quote_plus(CLIENT_SECRET)}"
        if authorization != f"Basic {b64encode(pair.encode()).decode()}":
            return Answer({"error": "invalid_client"}, 401)
        if "/introspect" in self.answers:
            return self.answers["/introspect"]
        return Answer(self.opaque.get(dict(parse_qsl(form))["token"], {"active": False}))

    def token(self, client: str = "their-app", *, seconds: int = 3600, typ: str = "JWT", **claims: Any) -> str:
        """Sign a token with the newest key. A claim of None is left out."""
        said = self._claims(client, seconds) | claims
        key = self.keys[-1]
        header = {"alg": str(key.alg), "typ": typ, "kid": key.kid}
        return jwt.encode(header, {name: value for name, value in said.items() if value is not None}, key)

    def _claims(self, client: str, seconds: int) -> dict[str, Any]:
        now = int(time.time())  # noqa: TID251 - a test's tokens are of now
        said = {"iss": self.issuer, "sub": "alice", "aud": ["account", AUDIENCE], "azp": client}
        return {**said, "iat": now, "exp": now + seconds, "jti": uuid.uuid4().hex}


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
        self._send(self.server.answer(self.path))

    def do_POST(self) -> None:
        self.server.asked.append(self.path)
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._send(self.server.introspect(form, self.headers.get("Authorization", "")))

    def _send(self, answer: Answer) -> None:
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
