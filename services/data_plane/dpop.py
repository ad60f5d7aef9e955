"""Proofs that whoever shows a bound token holds its key (RFC 9449), each good once on all pods."""

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Literal
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.data_plane.connection import Credential, Handshake
from services.data_plane.refusal import RefusedError, come_back_later
from shared import keys
from shared.claims import ALGORITHMS
from shared.dpop import LEEWAY_SECONDS, MAX_AGE_SECONDS, Proof, ProofRefusedError, hash_token, read_proof

log = logging.getLogger(__name__)

REMEMBERED_PROOFS: Final = 50_000
KEPT_SECONDS: Final = MAX_AGE_SECONDS + 2 * LEEWAY_SECONDS

_ALGS: Final = f'algs="{" ".join(ALGORITHMS)}"'
_SECURE: Final = {"https": True, "wss": True, "http": False, "ws": False}


class UsedProofs:
    """The proofs that were used. `redis` has a short time limit, for a client waits for it.

    `on_alone` hears what is decided without Redis.
    """

    def __init__(
        self,
        redis: Redis,
        on_loss: Literal["allow", "deny"],
        limit: int = REMEMBERED_PROOFS,
        on_alone: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._redis = redis
        self._on_alone = on_alone
        self._on_loss = on_loss
        self._limit = limit
        self._known: OrderedDict[str, float] = OrderedDict()

    async def use(self, name: str, now: float) -> bool:
        """Use a proof up, or return False where it was. Without Redis this pod alone knows. Raises `RefusedError`."""
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
        while self._known and next(iter(self._known.values())) <= now:
            self._known.popitem(last=False)
        if digest in self._known:
            return False
        full = len(self._known) >= self._limit
        if full:
            self._known.popitem(last=False)
        self._known[digest] = now + KEPT_SECONDS  # before the wait: two at once on this pod can't both have it
        try:
            return bool(await self._redis.set(keys.dpop(digest), "", nx=True, ex=KEPT_SECONDS))
        except (RedisError, OSError) as error:
            log.warning("a proof can't be looked up: %s", error)
            denies = self._on_loss == "deny" or full  # what was forgotten for it may come again
            self._on_alone("deny" if denies else "allow")
            if denies:
                raise come_back_later("unavailable") from error
            return True


@dataclass(frozen=True, slots=True)
class ProofChecker:
    """Checks proofs for this gateway. `gateways` are the URLs under which clients know it: without any, as they say."""

    used: UsedProofs
    gateways: tuple[str, ...] = ()

    def read(self, credential: Credential) -> Proof | None:
        """Return the proof of a credential that needs one. Raises `RefusedError`."""
        if credential.proof is None:
            return None
        try:
            return read_proof(credential.proof)
        except ProofRefusedError as error:
            raise _refused() from error

    async def check(self, proof: Proof, credential: Credential, handshake: Handshake, now: float) -> None:
        """Refuse a proof that was made for anything else, or used. Its key has been compared with the token's."""
        try:
            proof.check("GET", now)
        except ProofRefusedError as error:
            raise _refused() from error
        if proof.claims.ath != hash_token(credential.value):
            raise _refused()
        asked = _read_address(proof.address)
        # Whoever relays a stolen proof would have the request name the host that the proof does.
        bases = self.gateways or (f"{'https' if handshake.secure else 'http'}://{handshake.host}",)
        if asked is None or asked not in (_read_address(base + handshake.path) for base in bases):
            raise _refused()
        if not await self.used.use(proof.name, now):
            raise _refused()


def name_schemes(refused: RefusedError, credential: Credential | None) -> None:
    """Say in a challenge that tokens may be bound, or that this one should be (RFC 9449, section 7.1)."""
    challenge = refused.headers.get("WWW-Authenticate")
    if challenge is None:
        return
    if credential is not None and credential.proof is not None:
        refused.headers["WWW-Authenticate"] = f"DPoP{challenge.removeprefix('Bearer')}, {_ALGS}"
    elif refused.problem.status == HTTPStatus.UNAUTHORIZED:
        refused.headers["WWW-Authenticate"] = f"{challenge}, DPoP {_ALGS}"


def _refused() -> RefusedError:
    headers = {"WWW-Authenticate": 'Bearer realm="framegate", error="invalid_dpop_proof"'}
    return RefusedError("proof_invalid", headers=headers)


def _read_address(url: str) -> tuple[bool, str, int, str] | None:
    """Return what makes two addresses the same: ws is http, a default port is none, a host has no case."""
    try:
        parts = urlsplit(url)
        secure = _SECURE[parts.scheme]
        port = parts.port or (443 if secure else 80)
    except (ValueError, KeyError):
        return None
    if not parts.hostname or parts.username is not None:
        return None
    return secure, parts.hostname, port, parts.path or "/"
