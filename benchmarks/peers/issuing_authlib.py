"""The issuer that one writes with Authlib and Starlette: one client, in memory, and tokens signed with ES256.

It keeps nothing, looks nothing up, and takes no thread: what Authlib and the web server cost by themselves.
"""

import sys
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from secrets import token_urlsafe
from typing import Any, Final

import uvicorn
from authlib.oauth2.rfc6749 import AuthorizationServer, OAuth2Request
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from joserfc.jwk import ECKey, KeySet
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from benchmarks.harness.target import Site
from benchmarks.harness.tokens import Issuer
from benchmarks.peers.process import accepts, python_module, running
from cli.network import free_port

NAME: Final = "authlib"
_CLIENT_ID: Final = "bench"


class _Client:
    def __init__(self, secret: str) -> None:
        self.client_id = _CLIENT_ID
        self._secret = secret

    def get_client_id(self) -> str:
        return self.client_id

    def check_client_secret(self, secret: str) -> bool:
        return secret == self._secret

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return (method, endpoint) == ("client_secret_basic", "token")

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "client_credentials"

    def get_allowed_scope(self, scope: str | None) -> str:
        return scope or ""


class _Generator(JWTBearerTokenGenerator):  # type: ignore[misc] # Authlib ships no types
    def __init__(self, key: ECKey) -> None:
        super().__init__(issuer="https://bench.invalid", alg="ES256")
        self._keys = KeySet([key])

    def get_jwks(self) -> KeySet:
        return self._keys


class _Server(AuthorizationServer):  # type: ignore[misc] # Authlib ships no types
    def __init__(self, secret: str, key: ECKey) -> None:
        super().__init__()
        self._client = _Client(secret)
        self.register_grant(ClientCredentialsGrant)
        self.register_token_generator("default", _Generator(key))

    def query_client(self, client_id: str) -> _Client | None:
        return self._client if client_id == _CLIENT_ID else None

    def save_token(self, token: Any, request: Any) -> None: ...

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None: ...

    def create_oauth2_request(self, request: OAuth2Request) -> OAuth2Request:
        return request

    def handle_response(self, status: int, body: Any, headers: Sequence[tuple[str, str]]) -> Response:
        return JSONResponse(body, status, dict(headers))


def make_app(secret: str) -> Starlette:
    key = ECKey.generate_key("P-256", {"alg": "ES256", "use": "sig"}, auto_kid=True)
    server = _Server(secret, key)

    async def create_token(request: Request) -> Response:
        asked = OAuth2Request("POST", "https://bench.invalid/token", headers=request.headers)
        form = await request.form()
        asked.payload = BasicOAuth2Payload({name: str(value) for name, value in form.items()})
        response: Response = server.create_token_response(asked)
        return response

    async def read_jwks(_: Request) -> Response:
        return JSONResponse({"keys": [key.as_dict(private=False)]})

    return Starlette(routes=[Route("/token", create_token, methods=["POST"]), Route("/jwks", read_jwks)])


@contextmanager
def start(site: Site) -> Iterator[Issuer]:
    port, secret = free_port(), token_urlsafe(32)
    command = python_module(__name__, str(port), secret)
    with running(NAME, command, site, partial(accepts, port)) as pid:
        basic = f"Basic {b64encode(f'{_CLIENT_ID}:{secret}'.encode()).decode()}"
        yield Issuer(NAME, port, "/token", "/jwks", basic, site.log(NAME), (pid,))


def describe() -> str:
    return f"Authlib {version('authlib')}, Starlette {version('starlette')}, uvicorn {version('uvicorn')}"


if __name__ == "__main__":
    # What is asked of the web server is the same as Framegate asks, an access log included.
    uvicorn.run(make_app(sys.argv[2]), port=int(sys.argv[1]), ws="none", server_header=False)
