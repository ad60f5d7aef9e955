"""Signing in through an OpenID Connect provider: its side of the wire, with codes and PKCE."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import httpx
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jws, jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import Key, KeySet, import_key
from pydantic import BaseModel, Field, ValidationError, field_validator

from services.control_plane.kit.bulkhead import Bulkhead
from services.control_plane.kit.clock import Clock
from shared.claims import ALGORITHMS, MAX_TOKEN_BYTES
from shared.public_keys import has_private_part

_SCOPE: Final = "openid profile email"
_FRESH_SECONDS: Final = 3600.0
_FAILED_SECONDS: Final = 5.0
_READ_SECONDS: Final = 5.0
_WHOLE_SECONDS: Final = 10.0
_MAX_ANSWER_BYTES: Final = 1 << 18
_LEEWAY_SECONDS: Final = 30
_MAX_AGE_SECONDS: Final = 600
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_REGISTRY: Final = jws.JWSRegistry(algorithms=list(ALGORITHMS))


class ProviderError(Exception):
    """The provider did not say who it is. Why is for the log, not for strangers."""


def check_provider_url(url: str) -> str:
    """Return a URL that is safe to trust: what it answers says who signs in. Raises `ValueError`."""
    parts = urlsplit(url)
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    if not safe or not parts.hostname or parts.username is not None or parts.fragment:
        raise ValueError("must be a URL of https, without credentials and fragment")
    return url


class Metadata(BaseModel):
    """What is needed of OpenID Connect Discovery 1.0, section 3."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: list[str] = ["client_secret_basic"]
    authorization_response_iss_parameter_supported: bool = False

    @field_validator("authorization_endpoint", "token_endpoint", "jwks_uri")
    @classmethod
    def _check_url(cls, value: str) -> str:
        return check_provider_url(value)


class _Claims(BaseModel, extra="allow"):
    """An ID token's claims (OpenID Connect Core 1.0, section 2)."""

    iss: str
    sub: str = Field(min_length=1, max_length=255)
    aud: str | list[str]
    exp: float = Field(allow_inf_nan=False)
    iat: float = Field(allow_inf_nan=False)
    nbf: float = Field(0, allow_inf_nan=False)
    nonce: str
    azp: str | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sign-in on its way: what binds the answer to the question."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Client:
    """What we are to a provider."""

    issuer: str
    id: str
    secret: str


class Provider:
    """One provider, with us as its client. What it publishes is kept for an hour, unless a key of it is missing."""

    def __init__(self, client: Client, redirect_uri: str, bulkhead: Bulkhead, clock: Clock) -> None:
        self.issuer = client.issuer
        self._client = client
        self._redirect_uri = redirect_uri
        self._bulkhead = bulkhead
        self._clock = clock
        self._metadata: tuple[float, Metadata] | None = None
        self._keys: tuple[float, KeySet] | None = None
        self._failed_until = 0.0

    @property
    def name(self) -> str:
        """How people know it."""
        return urlsplit(self.issuer).hostname or self.issuer

    def address(self, attempt: Attempt) -> str:
        """Return where a browser signs in. Raises `ProviderError`."""
        with self._bulkhead.place():
            endpoint = self._read_metadata().authorization_endpoint
        query = {
            "response_type": "code",
            "client_id": self._client.id,
            "redirect_uri": self._redirect_uri,
            "scope": _SCOPE,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": create_s256_code_challenge(attempt.verifier),
            "code_challenge_method": "S256",
        }
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(query)}"

    def identify(self, answer: Mapping[str, str], attempt: Attempt) -> dict[str, Any]:
        """Return the claims about who signed in, for the answer that a browser brought. Raises `ProviderError`."""
        with self._bulkhead.place():
            metadata = self._read_metadata()
            # RFC 9207, section 2.4: so that another server's answer is not taken for this one's.
            issuer = answer.get("iss")
            if issuer != self.issuer and (issuer or metadata.authorization_response_iss_parameter_supported):
                raise ProviderError("another issuer answered")
            if "code" not in answer:
                raise ProviderError(f"it answers {answer.get('error', '')[:100]!r}")
            token = self._exchange(metadata, answer["code"], attempt).get("id_token")
            if not isinstance(token, str) or len(token) > MAX_TOKEN_BYTES:
                raise ProviderError("no ID token came")
            decoded = self._decode(metadata, token)
        try:
            claims = _Claims.model_validate(decoded)
        except ValidationError as error:
            raise ProviderError("claims of the ID token are missing or malformed") from error
        self._check(claims, attempt)
        return decoded

    def _exchange(self, metadata: Metadata, code: str, attempt: Attempt) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": attempt.verifier,
        }
        auth = None
        if "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
            auth = httpx.BasicAuth(
                quote(self._client.id, ""), quote(self._client.secret, "")
            )  # RFC 6749, section 2.3.1
        else:
            form |= {"client_id": self._client.id, "client_secret": self._client.secret}
        return _fetch(httpx.Request("POST", metadata.token_endpoint, data=form), auth)

    def _decode(self, metadata: Metadata, token: str) -> dict[str, Any]:
        try:
            try:
                decoded = jwt.decode(token, self._read_keys(metadata), list(ALGORITHMS), registry=_REGISTRY)
            except InvalidKeyIdError:
                self._keys = None
                decoded = jwt.decode(token, self._read_keys(metadata), list(ALGORITHMS), registry=_REGISTRY)
        except (JoseError, ValueError, TypeError, RecursionError) as error:
            raise ProviderError("the ID token's signature does not verify") from error
        return decoded.claims

    def _check(self, claims: _Claims, attempt: Attempt) -> None:
        """Check what OpenID Connect Core 1.0, section 3.1.3.7, asks for."""
        now = self._clock().timestamp()
        audience = [claims.aud] if isinstance(claims.aud, str) else claims.aud
        if claims.iss != self.issuer:
            raise ProviderError("the ID token is of another issuer")
        if self._client.id not in audience or (claims.azp or self._client.id) != self._client.id:
            raise ProviderError("the ID token is meant for another client")
        if len(audience) > 1 and claims.azp is None:
            raise ProviderError("the ID token is meant for several, and does not say for whom")
        if claims.nonce != attempt.nonce:
            raise ProviderError("the ID token is of another sign-in")
        if claims.exp <= now - _LEEWAY_SECONDS or claims.iat < now - _MAX_AGE_SECONDS:
            raise ProviderError("the ID token has expired")
        if max(claims.iat, claims.nbf) > now + _LEEWAY_SECONDS:
            raise ProviderError("the ID token is not valid yet")

    def _read_metadata(self) -> Metadata:
        if self._metadata is None or time.monotonic() >= self._metadata[0]:
            if time.monotonic() < self._failed_until:
                raise ProviderError("it could not be read a moment ago")
            try:
                self._metadata = (time.monotonic() + _FRESH_SECONDS, self._discover())
            except ProviderError:
                self._failed_until = time.monotonic() + _FAILED_SECONDS
                raise
        return self._metadata[1]

    def _discover(self) -> Metadata:
        url = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
        try:
            metadata = Metadata.model_validate(_fetch(httpx.Request("GET", url)))
        except ValidationError as error:
            raise ProviderError("what it publishes about itself is missing or malformed") from error
        if metadata.issuer != self.issuer:
            raise ProviderError("it calls itself by another name")
        return metadata

    def _read_keys(self, metadata: Metadata) -> KeySet:
        if self._keys is None or time.monotonic() >= self._keys[0]:
            published = _fetch(httpx.Request("GET", metadata.jwks_uri)).get("keys")
            found = [_read_key(key) for key in published] if isinstance(published, list) else []
            self._keys = (time.monotonic() + _FRESH_SECONDS, KeySet([key for key in found if key is not None]))
        return self._keys[1]


def _read_key(key: Any) -> Key | None:
    """Return a key that verifies, or None for any other: a provider may publish kinds that we don't know."""
    if not isinstance(key, dict) or key.get("use", "sig") != "sig" or has_private_part(key):
        return None
    try:
        return import_key(key)
    except (JoseError, ValueError, TypeError):
        return None


def _fetch(request: httpx.Request, auth: httpx.Auth | None = None) -> dict[str, Any]:
    """Return the object that a provider answers, which must be small and come soon. Raises `ProviderError`."""
    until = time.monotonic() + _WHOLE_SECONDS
    body = bytearray()
    try:
        with httpx.Client(timeout=_READ_SECONDS) as client:
            request.headers["Accept"] = "application/json"
            response = client.send(request, auth=auth, stream=True)  # a redirect is not followed
            for part in response.iter_raw():
                body += part
                if len(body) > _MAX_ANSWER_BYTES or time.monotonic() > until:
                    raise ProviderError(f"{request.url} answers too much, or too slowly")
        answer = json.loads(bytes(body))
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError) as error:
        raise ProviderError(f"{request.url} does not answer as it should: {type(error).__name__}") from error
    if not response.is_success or not isinstance(answer, dict):
        raise ProviderError(f"{request.url} answers {response.status_code}")
    return answer
