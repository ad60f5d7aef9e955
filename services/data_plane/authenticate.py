"""Stage 3: who calls."""

import hashlib
from collections import OrderedDict
from collections.abc import Collection, Container

from services.data_plane.connection import ANONYMOUS, Caller, Credential, Handshake, Route
from services.data_plane.dpop import ProofChecker, name_schemes
from services.data_plane.networks import is_within
from services.data_plane.refusal import RefusedError
from services.data_plane.table import RouteTable
from services.data_plane.tickets import TicketBox
from shared.api_keys import ApiKeyDefinition, read_api_key
from shared.claims import (
    MAX_TOKEN_BYTES,
    AccessClaims,
    ExpiredTokenError,
    InvalidTokenError,
    TokenVerifier,
    peek_issuer,
)
from shared.origins import is_listed
from shared.subscription import ApplicationDefinition, ApplicationId

REMEMBERED_TOKENS = 20_000


class Authenticator:
    """Verifies credentials; remembers the tokens that it verified by their hash, so that a storm costs little."""

    def __init__(self, tickets: TicketBox, proofs: ProofChecker, revoked: Container[str]) -> None:
        """`revoked` holds the ids of tokens that are no longer good."""
        self._tickets = tickets
        self._proofs = proofs
        self._revoked = revoked
        self._verified: OrderedDict[bytes, tuple[TokenVerifier, AccessClaims]] = OrderedDict()

    async def authenticate(self, handshake: Handshake, route: Route, table: RouteTable, now: float) -> Caller:
        """Return the caller, or refuse. `now` is the wall clock in seconds."""
        try:
            return await self._authenticate(handshake, route, table, now)
        except RefusedError as refused:
            name_schemes(refused, handshake.credential)
            raise

    async def _authenticate(self, handshake: Handshake, route: Route, table: RouteTable, now: float) -> Caller:
        auth = route.api.auth
        if "none" in auth.types:
            return ANONYMOUS
        credential = handshake.credential
        if credential is None:
            raise RefusedError("credentials_required", headers=_challenge())
        if credential.kind == "ticket":
            return await self._redeem(credential, route, table)
        if credential.kind == "api_key":
            return _check_api_key(credential, handshake, route, table, now)
        if "oauth2" not in auth.types:
            raise _other_kind()
        proof = self._proofs.read(credential)
        claims = self._verify(credential.value, table, now, proof.thumbprint if proof else None)
        caller = find_caller(claims, table)
        self.check_revoked(caller.claims)
        check_scopes(route.scopes, claims.scopes)
        if proof is not None:
            await self._proofs.check(proof, credential, handshake, now)
            self.check_revoked(caller.claims)  # there was a wait
        return caller

    def check_revoked(self, claims: AccessClaims | None) -> None:
        """Refuse a token that was revoked."""
        if claims is not None and claims.jti in self._revoked:
            raise RefusedError("token_revoked", headers=_challenge("invalid_token"))

    def _verify(self, token: str, table: RouteTable, now: float, bound_to: str | None) -> AccessClaims:
        if len(token) > MAX_TOKEN_BYTES or not token.isascii():
            raise RefusedError("token_invalid", "The token is refused: not a JWT.", _challenge("invalid_token"))
        digest = hashlib.sha256(token.encode()).digest()
        remembered = self._verified.get(digest)
        try:
            # A verifier is made anew with its keys: what an old one verified is verified again.
            if remembered is not None and table.issuers.get(remembered[1].iss) is remembered[0]:
                self._verified.move_to_end(digest)
                remembered[0].check(remembered[1], now, bound_to)
                return remembered[1]
            verifier = _find_issuer(token, table)
            claims = verifier.verify(token, now, bound_to)
        except ExpiredTokenError as error:
            raise RefusedError("token_expired", headers=_challenge("invalid_token")) from error
        except InvalidTokenError as error:
            raise RefusedError(
                "token_invalid", f"The token is refused: {error}.", _challenge("invalid_token")
            ) from error
        self._verified[digest] = (verifier, claims)
        if len(self._verified) > REMEMBERED_TOKENS:
            self._verified.popitem(last=False)
        return claims

    async def _redeem(self, credential: Credential, route: Route, table: RouteTable) -> Caller:
        ticket = await self._tickets.redeem(credential.value)
        if ticket is None or ticket.api_id != route.api.id:
            raise RefusedError("token_invalid", "The ticket was used, is too old, or for another API.", _challenge())
        if ticket.claims is None:
            check_scopes(route.scopes, frozenset(ticket.scopes))
            return Caller(_find_application(ticket.application_id, table), ticket.key_type)
        # What holds for the token that it was fetched with, holds for it.
        caller = find_caller(ticket.claims, table)
        self.check_revoked(caller.claims)
        check_scopes(route.scopes, ticket.claims.scopes)
        return caller


def find_again(caller: Caller, table: RouteTable) -> Caller:
    """Return a caller as a newer table has it, or refuse: for its application first, which takes its keys with it."""
    if caller.application is not None:
        _find_application(caller.application.id, table)
    if caller.claims is not None:
        return find_caller(caller.claims, table)
    if caller.api_key is not None:
        return _caller_of(_find_api_key(caller.api_key, table), table)
    if caller.application is not None:
        return Caller(_find_application(caller.application.id, table), caller.key_type)
    return caller


def find_caller(claims: AccessClaims, table: RouteTable) -> Caller:
    """Return whose token it is, or refuse: a key that is gone takes its tokens with it."""
    key = table.keys.get(claims.client_id)
    if key is None:
        raise _revoked()
    return Caller(_find_application(key.application_id, table), key.key_type, claims, expires_at=claims.exp)


def _find_issuer(token: str, table: RouteTable) -> TokenVerifier:
    verifier = table.issuers.get(peek_issuer(token))
    if verifier is None:
        raise InvalidTokenError("another issuer")
    return verifier


def _find_application(id_: ApplicationId, table: RouteTable) -> ApplicationDefinition:
    application = table.applications.get(id_)
    if application is None:
        raise RefusedError("application_removed")
    return application


def _check_api_key(credential: Credential, handshake: Handshake, route: Route, table: RouteTable, now: float) -> Caller:
    if "api_key" not in route.api.auth.types:
        raise _other_kind()
    digest = read_api_key(credential.value)
    if digest is None:
        raise RefusedError("token_invalid", "The API key is mistyped, or none of ours.", _challenge())
    key = _find_api_key(digest, table)
    if key.expires_at is not None and key.expires_at <= now:
        raise RefusedError("token_expired", headers=_challenge())
    if key.allowed_ips and not is_within(handshake.address, key.allowed_ips):
        raise RefusedError("source_forbidden")
    if key.allowed_origins and (handshake.origin is None or not is_listed(handshake.origin, key.allowed_origins)):
        raise RefusedError("origin_forbidden")
    check_scopes(route.scopes, frozenset())
    return _caller_of(key, table)


def _find_api_key(digest: str, table: RouteTable) -> ApiKeyDefinition:
    key = table.api_keys.get(digest)
    if key is None:
        raise _revoked()
    return key


def _caller_of(key: ApiKeyDefinition, table: RouteTable) -> Caller:
    application = _find_application(key.application_id, table)
    return Caller(application, key.key_type, api_key=key.digest, expires_at=key.expires_at)


def check_scopes(needed: Collection[str], scopes: frozenset[str]) -> None:
    """Refuse a credential that lacks a scope."""
    if missing := set(needed) - scopes:
        raise RefusedError(
            "scope_missing",
            f"The credential lacks {' '.join(sorted(missing))}.",
            _challenge("insufficient_scope", scope=" ".join(needed)),
        )


def _other_kind() -> RefusedError:
    return RefusedError("token_invalid", "The API doesn't take this kind of credential.", _challenge())


def _revoked() -> RefusedError:
    return RefusedError("key_revoked", headers=_challenge("invalid_token"))


def _challenge(error: str = "", **parameters: str) -> dict[str, str]:
    """Return the header of RFC 6750, section 3: no error code where no credential came."""
    named = {"realm": "framegate"} | ({"error": error} if error else {}) | parameters
    return {"WWW-Authenticate": "Bearer " + ", ".join(f'{name}="{value}"' for name, value in named.items())}
