"""Asks issuers over the network: within limits, and nowhere but where an administrator said."""

import asyncio
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import quote_plus, urlsplit

import httpx

from services.control_plane.issuers.errors import NoGoodAnswerError
from services.control_plane.issuers.jwks import select_keys
from services.control_plane.issuers.schemas import check_web_url
from services.control_plane.publisher.addresses import AddressChecker, AddressForbiddenError, Target
from services.control_plane.publisher.exchange import exchange

SECONDS: Final = 5.0
"""For one document, from the connection to its last byte."""

MAX_BYTES: Final = 256 * 1024

_DISCOVERY: Final = "/.well-known/openid-configuration"
_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "framegate"}


@dataclass(frozen=True, slots=True)
class IntrospectionClient:
    """Where an issuer is asked about tokens, and as whom."""

    url: str
    client_id: str
    secret: str = field(repr=False)


class IssuerReader:
    def __init__(self, addresses: AddressChecker, seconds: float = SECONDS) -> None:
        self._addresses = addresses
        self._seconds = seconds

    def read_keys(self, issuer: str, jwks_uri: str | None) -> list[dict[str, Any]]:
        """Return an issuer's public keys as JWKs. Raises `NoGoodAnswerError`."""
        return select_keys(self._ask(_Question(jwks_uri or self._discover(issuer))))

    def introspect(self, client: IntrospectionClient, token: str) -> dict[str, Any]:
        """Return what an issuer says of a token (RFC 7662). Raises `NoGoodAnswerError`."""
        # RFC 6749, section 2.3.1: both are form-encoded first.
        auth = httpx.BasicAuth(quote_plus(client.client_id), quote_plus(client.secret))
        return self._ask(_Question(client.url, {"token": token, "token_type_hint": "access_token"}, auth))

    def _discover(self, issuer: str) -> str:
        document = self._ask(_Question(issuer.removesuffix("/") + _DISCOVERY))
        # OpenID Connect Discovery, section 4.3: otherwise one could speak for another.
        if document.get("issuer") != issuer:
            raise NoGoodAnswerError(
                "its discovery document is of another issuer: the URL must be the same to the letter"
            )
        jwks_uri = document.get("jwks_uri")
        if not isinstance(jwks_uri, str):
            raise NoGoodAnswerError("jwks_uri in its discovery document is missing")
        try:
            return check_web_url(jwks_uri)
        except ValueError as error:
            raise NoGoodAnswerError(f"jwks_uri in its discovery document {error}") from error

    def _ask(self, question: "_Question") -> dict[str, Any]:
        target = self._find(question.url)
        try:
            content = asyncio.run(_download(question, target, self._seconds))
            document = json.loads(content)
        except TimeoutError as error:
            raise NoGoodAnswerError("there was no whole answer in time") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise NoGoodAnswerError(f"it can't be read: {type(error).__name__}") from error
        except (ValueError, RecursionError) as error:
            raise NoGoodAnswerError("its answer is not JSON") from error
        if not isinstance(document, dict):
            raise NoGoodAnswerError("its answer is no JSON object")
        return document

    def _find(self, url: str) -> Target:
        try:
            target = self._addresses.resolve(url)
        except AddressForbiddenError as error:
            raise NoGoodAnswerError("it leads to an address that is not allowed") from error
        except (socket.gaierror, UnicodeError) as error:
            raise NoGoodAnswerError("its host's name has no address") from error
        if urlsplit(url).scheme != "https" and not all(ip_address(it).is_loopback for it in target.addresses):
            raise NoGoodAnswerError("it must be read over https")
        return target


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked for: with a form by POST."""

    url: str
    form: Mapping[str, str] | None = field(default=None, repr=False)
    auth: httpx.Auth | None = field(default=None, repr=False)


async def _download(question: _Question, target: Target, seconds: float) -> bytes:
    """Return what is answered with 200."""
    method = "GET" if question.form is None else "POST"
    sent = {"data": question.form, "auth": question.auth}
    return await exchange(method, question.url, target, _read, seconds=seconds, headers=_HEADERS, **sent)


async def _read(response: httpx.Response) -> bytes:
    if response.status_code != HTTPStatus.OK or "Content-Encoding" in response.headers:
        raise NoGoodAnswerError(f"it answered {response.status_code}, and not 200 with JSON")
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > MAX_BYTES:
            raise NoGoodAnswerError(f"its answer is longer than {MAX_BYTES // 1024} KiB")
    return bytes(content)
