"""Asks external issuers about opaque tokens (RFC 7662): at a handshake, which waits for it, but not for long."""

import asyncio
import hashlib
import json
import logging
import socket
from base64 import b64encode
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from ipaddress import ip_address
from typing import Final
from urllib.parse import quote_plus, urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from aiohttp.abc import ResolveResult
from aiohttp.resolver import ThreadedResolver
from cryptography.fernet import Fernet, InvalidToken

from services.data_plane.attached import Attached
from services.data_plane.networks import find_source
from services.data_plane.refusal import RefusedError, come_back_later
from shared.addresses import AddressPolicy
from shared.claims import IntrospectionDefinition, InvalidTokenError
from shared.external import ExternalClaims, ExternalVerifier

log = logging.getLogger(__name__)

SECONDS: Final = 2.0
"""For all of it: a place, a connection and an answer."""

KEPT_SECONDS: Final = 30.0
REFUSED_SECONDS: Final = 5.0
FAILED_SECONDS: Final = 1.0
AT_ONCE: Final = 16
"""Questions to one issuer: what it is asked for others does not wait for it."""

AT_ONCE_OF_ONE: Final = 4
"""Of these from one address: tokens that are made up cost nothing, and must not take every place."""

MAX_BYTES: Final = 64 * 1024
REMEMBERED: Final = 10_000

_TOO_MANY: Final = "Too many tokens from this address are being asked about."
_LATER: Final = "The token's issuer can't be asked about it now."


@dataclass(frozen=True, slots=True)
class _Answer:
    """What an issuer said of a token: its claims, why it is no good, or neither where it could not be asked."""

    verifier: ExternalVerifier
    until: float
    claims: ExternalClaims | None = None
    refused: str | None = None

    def read(self) -> ExternalClaims:
        if self.claims is not None:
            return self.claims
        if self.refused is not None:
            raise InvalidTokenError(self.refused)
        raise come_back_later("unavailable", _LATER)


@dataclass(frozen=True, slots=True)
class _Access:
    """As whom an issuer is asked, and how often at once."""

    headers: Mapping[str, str] = field(repr=False)
    places: asyncio.Semaphore


class Introspector:
    """Keeps answers for a moment, and asks about each token once at a time."""

    def __init__(
        self, addresses: AddressPolicy, find_unsealing_key: Callable[[], str | None], clock: Callable[[], float]
    ) -> None:
        """`clock` is the wall clock in seconds."""
        self._addresses = addresses
        self._find_unsealing_key = find_unsealing_key
        self._clock = clock
        self._session: ClientSession | None = None
        self._access: Attached[_Access] = Attached()
        self._known: OrderedDict[bytes, _Answer] = OrderedDict()
        self._asking: dict[bytes, asyncio.Event] = {}
        self._asking_for: Counter[str] = Counter()

    async def ask(self, verifier: ExternalVerifier, token: str, address: str) -> ExternalClaims:
        """Return what an issuer says of a token that came from an address.

        Raises `InvalidTokenError`, and `RefusedError` without an answer.
        """
        digest = hashlib.sha256(token.encode()).digest()
        try:
            async with asyncio.timeout(SECONDS):
                answer = await self._find(digest, verifier, token, find_source(address))
        except TimeoutError as error:
            log.warning("the issuer %s did not answer in time", verifier.name)
            raise come_back_later("unavailable", _LATER) from error
        return answer.read()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _find(self, digest: bytes, verifier: ExternalVerifier, token: str, source: str) -> _Answer:
        while True:
            known = self._known.get(digest)
            # A verifier is made anew with what is said of its issuer: it is asked again then.
            if known is not None and known.verifier is verifier and self._clock() < known.until:
                return known
            asking = self._asking.get(digest)
            if asking is None:
                break
            await asking.wait()
        if self._asking_for[source] >= AT_ONCE_OF_ONE:
            raise RefusedError("too_many_requests", _TOO_MANY, {"Retry-After": "1"})
        self._asking_for[source] += 1
        asked = self._asking[digest] = asyncio.Event()
        try:
            answer = self._known[digest] = await self._ask(verifier, token)
            self._known.move_to_end(digest)
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
            return answer
        finally:
            self._asking_for[source] -= 1
            if not self._asking_for[source]:
                del self._asking_for[source]
            del self._asking[digest]
            asked.set()

    async def _ask(self, verifier: ExternalVerifier, token: str) -> _Answer:
        try:
            said = await self._post(verifier, token)
        except (ClientError, OSError, ValueError, RecursionError) as error:  # a ValueError: what is no JSON, or no URL
            log.warning("the issuer %s can't be asked: %s", verifier.name, type(error).__name__)
            return _Answer(verifier, self._clock() + FAILED_SECONDS)
        now = self._clock()
        try:
            claims = verifier.read_answer(said, token)
        except InvalidTokenError as error:
            return _Answer(verifier, now + REFUSED_SECONDS, refused=str(error))
        return _Answer(verifier, min(now + KEPT_SECONDS, claims.exp), claims)

    async def _post(self, verifier: ExternalVerifier, token: str) -> dict[str, object]:
        definition = verifier.introspection
        if definition is None:
            raise ValueError("nobody to ask")
        self._check_literal(urlsplit(definition.url).hostname or "")
        access = self._access.of(definition, lambda: self._open(definition))
        form = {"token": token, "token_type_hint": "access_token"}
        async with (
            access.places,
            self._connect().post(definition.url, data=form, headers=access.headers, allow_redirects=False) as response,
        ):
            if response.status != HTTPStatus.OK:
                raise ClientError(f"answered {response.status}")
            content = bytearray()
            async for chunk in response.content.iter_chunked(8192):
                content += chunk
                if len(content) > MAX_BYTES:
                    raise ClientError("a long answer")
        said = json.loads(content)
        if not isinstance(said, dict):
            raise ValueError("no JSON object")  # noqa: TRY004 - as what is no JSON at all
        return said

    def _connect(self) -> ClientSession:
        if self._session is None:  # it needs a loop that runs
            self._session = ClientSession(
                connector=TCPConnector(resolver=_CheckedResolver(self._addresses)),
                cookie_jar=DummyCookieJar(),
                timeout=ClientTimeout(total=SECONDS),
                headers={"Accept": "application/json", "Accept-Encoding": "identity"},
                auto_decompress=False,
            )
        return self._session

    def _open(self, definition: IntrospectionDefinition) -> _Access:
        key = self._find_unsealing_key()
        if key is None:
            raise come_back_later("not_ready", _LATER)
        try:
            secret = Fernet(key).decrypt(definition.sealed_secret).decode()
        except (InvalidToken, ValueError) as error:  # a ValueError: what should be a key is none
            raise come_back_later("not_ready", _LATER) from error
        # RFC 6749, section 2.3.1: both are form-encoded first.
        pair = f"{quote_plus(definition.client_id)}:{quote_plus(secret)}"
        headers = {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
        return _Access(headers, asyncio.Semaphore(AT_ONCE))

    def _check_literal(self, host: str) -> None:
        """Refuse an address that is written out: it is never looked up."""
        try:
            ip_address(host)
        except ValueError:
            return
        _check([host], self._addresses)


class _CheckedResolver(ThreadedResolver):
    """Looks names up, and lets nothing be dialled that may not be."""

    def __init__(self, addresses: AddressPolicy) -> None:
        super().__init__()
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await super().resolve(host, port, family)
        _check([entry["host"] for entry in found], self._addresses)
        return found


def _check(hosts: list[str], addresses: AddressPolicy) -> None:
    if not all(map(addresses.permits, hosts)):
        raise OSError("address_forbidden")
