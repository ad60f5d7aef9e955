"""Reads an issuer's keys over the network: within limits, and nowhere but where an administrator said."""

import asyncio
import json
import socket
import ssl
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from services.control_plane.issuers.errors import UnreadableKeysError
from services.control_plane.issuers.jwks import select_keys
from services.control_plane.issuers.schemas import check_web_url
from services.control_plane.publisher.addresses import AddressChecker, AddressForbiddenError, Target

SECONDS: Final = 5.0
"""For one document, from the connection to its last byte."""

MAX_BYTES: Final = 256 * 1024

_DISCOVERY: Final = "/.well-known/openid-configuration"
_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "framegate"}


class KeyReader:
    def __init__(self, addresses: AddressChecker, seconds: float = SECONDS) -> None:
        self._addresses = addresses
        self._seconds = seconds

    def read(self, issuer: str, jwks_uri: str | None) -> list[dict[str, Any]]:
        """Return an issuer's public keys as JWKs. Raises `UnreadableKeysError`."""
        return select_keys(self._get(jwks_uri or self._discover(issuer)))

    def _discover(self, issuer: str) -> str:
        document = self._get(issuer.removesuffix("/") + _DISCOVERY)
        # OpenID Connect Discovery, section 4.3: otherwise one could speak for another.
        if document.get("issuer") != issuer:
            raise UnreadableKeysError(
                "its discovery document is of another issuer: the URL must be the same to the letter"
            )
        jwks_uri = document.get("jwks_uri")
        if not isinstance(jwks_uri, str):
            raise UnreadableKeysError("jwks_uri in its discovery document is missing")
        try:
            return check_web_url(jwks_uri)
        except ValueError as error:
            raise UnreadableKeysError(f"jwks_uri in its discovery document {error}") from error

    def _get(self, url: str) -> dict[str, Any]:
        target = self._find(url)
        try:
            content = asyncio.run(_download(url, target, self._seconds))
            document = json.loads(content)
        except TimeoutError as error:
            raise UnreadableKeysError("there was no whole answer in time") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise UnreadableKeysError(f"it can't be read: {type(error).__name__}") from error
        except (ValueError, RecursionError) as error:
            raise UnreadableKeysError("its answer is not JSON") from error
        if not isinstance(document, dict):
            raise UnreadableKeysError("its answer is no JSON object")
        return document

    def _find(self, url: str) -> Target:
        try:
            target = self._addresses.resolve(url)
        except AddressForbiddenError as error:
            raise UnreadableKeysError("it leads to an address that is not allowed") from error
        except (socket.gaierror, UnicodeError) as error:
            raise UnreadableKeysError("its host's name has no address") from error
        if urlsplit(url).scheme != "https" and not all(ip_address(it).is_loopback for it in target.addresses):
            raise UnreadableKeysError("it must be read over https")
        return target


async def _download(url: str, target: Target, seconds: float) -> bytes:
    """Return what is answered with 200. Redirects are not followed, and no proxy is asked."""
    async with (
        asyncio.timeout(seconds),
        httpx.AsyncClient(trust_env=False, timeout=seconds, verify=ssl.create_default_context()) as client,
    ):
        for address in target.addresses[:-1]:
            try:
                return await _read(client, httpx.URL(url), target, address)
            except httpx.ConnectError:
                continue
        return await _read(client, httpx.URL(url), target, target.addresses[-1])


async def _read(client: httpx.AsyncClient, url: httpx.URL, target: Target, address: str) -> bytes:
    # The checked address is dialled, and nothing is looked up again. TLS is still verified by the name.
    pinned = url.copy_with(host=address, port=target.port)
    headers = {**_HEADERS, "Host": url.netloc.decode()}
    async with client.stream("GET", pinned, headers=headers, extensions={"sni_hostname": target.host}) as response:
        if response.status_code != HTTPStatus.OK or "Content-Encoding" in response.headers:
            raise UnreadableKeysError(f"it answered {response.status_code}, and not 200 with JSON")
        content = bytearray()
        async for chunk in response.aiter_raw():
            content += chunk
            if len(content) > MAX_BYTES:
                raise UnreadableKeysError(f"its answer is longer than {MAX_BYTES // 1024} KiB")
        return bytes(content)
