"""An OpenID provider on a loopback port, made of Authlib's server: whoever comes is the user that it knows."""

import json
import threading
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Request
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core.grants import OpenIDCode
from joserfc.jwk import ECKey

CLIENT_ID: Final = "framegate"
CLIENT_SECRET: Final = "what the provider knows us by"
REDIRECT_URI: Final = "http://localhost:8000/sign-in/oidc/callback"

Forge = Callable[[dict[str, Any], dict[str, Any]], str]
"""Makes an ID token of the header and the claims that an honest one has."""


class OidcProvider(ThreadingHTTPServer):
    """Answers discovery, keys, authorization and tokens. What it says can be bent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.issuer = f"http://127.0.0.1:{self.server_port}"
        self.key = ECKey.generate_key("P-256", {"kid": "one"})
        self.user: dict[str, Any] = {"sub": "4711", "preferred_username": "maria"}
        self.metadata: dict[str, Any] = {}
        self.forge: Forge | None = None
        self.asked: list[str] = []
        self.oauth = _Server(self)

    def describe(self) -> dict[str, Any]:
        """Return what OpenID Connect Discovery 1.0, section 3, asks for."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            **self.metadata,
        }

    def keys(self) -> dict[str, Any]:
        """Return the key that signs, among others that no client can be expected to know."""
        strange = {"kty": "NEW", "kid": "strange"}
        return {"keys": [strange, {**self.key.as_dict(private=False), "alg": "ES256", "use": "sig"}]}


@contextmanager
def oidc_provider() -> Iterator[OidcProvider]:
    with OidcProvider() as provider:
        thread = threading.Thread(target=provider.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield provider
        finally:
            provider.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: OidcProvider

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.server.asked.append(parts.path)
        match parts.path:
            case "/.well-known/openid-configuration":
                self._answer(200, self.server.describe(), [])
            case "/keys":
                self._answer(200, self.server.keys(), [])
            case "/authorize":
                request = _Request("GET", parts.query, {})
                grant = self.server.oauth.get_consent_grant(request, "somebody")
                self._answer(*self.server.oauth.create_authorization_response(request, "somebody", grant))
            case _:
                self._answer(404, {}, [])

    def do_POST(self) -> None:
        self.server.asked.append(self.path)
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._answer(*self.server.oauth.create_token_response(_Request("POST", form, dict(self.headers))))

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, status: int, body: Any, headers: Sequence[tuple[str, str]]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class _Request(OAuth2Request):
    def __init__(self, method: str, parameters: str, headers: dict[str, str]) -> None:
        super().__init__(method, "https://provider/", headers=headers)
        self.payload = BasicOAuth2Payload(dict(parse_qsl(parameters)))

    @property
    def form(self) -> Any:
        return self.payload.data


@dataclass
class _Code:
    data: dict[str, str]
    code_challenge: str = field(init=False)
    code_challenge_method: str = field(init=False)

    def __post_init__(self) -> None:
        self.code_challenge = self.data["code_challenge"]
        self.code_challenge_method = self.data["code_challenge_method"]

    def get_redirect_uri(self) -> str:
        return self.data["redirect_uri"]

    def get_scope(self) -> str:
        return self.data["scope"]

    def get_nonce(self) -> str:
        return self.data["nonce"]

    def get_auth_time(self) -> None: ...

    def get_acr(self) -> None: ...

    def get_amr(self) -> None: ...


class _Client(ClientMixin):
    def get_client_id(self) -> str:
        return CLIENT_ID

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri == REDIRECT_URI

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == CLIENT_SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method != "none"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


class _Grant(AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS: Final = ["client_secret_basic", "client_secret_post"]

    def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
        self.server.codes[code] = _Code(dict(request.payload.data))

    def query_authorization_code(self, code: str, client: _Client) -> _Code | None:
        found: _Code | None = self.server.codes.pop(code, None)
        return found

    def delete_authorization_code(self, code: _Code) -> None:
        """Leave it: it is gone already."""

    def authenticate_user(self, code: _Code) -> str:
        return "somebody"


class _OpenId(OpenIDCode):
    def __init__(self, provider: OidcProvider) -> None:
        super().__init__(require_nonce=True)
        self._provider = provider

    def exists_nonce(self, nonce: str, request: OAuth2Request) -> bool:
        return False

    def get_client_algorithm(self, client: _Client) -> str:
        return "ES256"

    def get_encode_header(self, client: _Client) -> dict[str, str]:
        return {"alg": "ES256", "kid": str(self._provider.key.kid)}

    def get_client_claims(self, client: _Client) -> dict[str, Any]:
        return {"iss": self._provider.issuer}

    def resolve_client_private_key(self, client: _Client) -> ECKey:
        return self._provider.key

    def generate_user_info(self, user: str, scope: str) -> dict[str, Any]:
        return self._provider.user

    def encode_id_token(self, token: dict[str, Any], request: OAuth2Request) -> str:
        honest = str(super().encode_id_token(token, request))
        if self._provider.forge is None:
            return honest
        header, claims = (json.loads(urlsafe_b64decode(part + "==")) for part in honest.split(".")[:2])
        return self._provider.forge(header, claims)


class _Server(AuthorizationServer):
    def __init__(self, provider: OidcProvider) -> None:
        super().__init__()
        self.codes: dict[str, _Code] = {}
        self.register_grant(_Grant, [CodeChallenge(), _OpenId(provider)])
        self.register_token_generator("default", self._make_token)

    def _make_token(self, scope: str, **_: Any) -> dict[str, str]:
        return {"access_token": "opaque", "token_type": "Bearer", "scope": scope}

    def query_client(self, client_id: str) -> _Client | None:
        return _Client() if client_id == CLIENT_ID else None

    def save_token(self, token: Any, request: OAuth2Request) -> None:
        """Keep nothing."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Tell nobody."""

    def create_oauth2_request(self, request: OAuth2Request) -> OAuth2Request:
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> tuple[int, Any, Any]:
        return status, body, headers
