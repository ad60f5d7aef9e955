"""Stage 3: who calls."""

import hashlib
from collections import OrderedDict
from collections.abc import Collection, Container

from services.data_plane.connection import ANONYMOUS, Caller, Credential, Handshake, Route, Visitor
from services.data_plane.dpop import ProofChecker, name_schemes
from services.data_plane.hints import KeyHints
from services.data_plane.introspection import Introspector
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
    UnknownKeyError,
    is_jwt,
    peek_issuer,
    read_key_id,
)
from shared.definition import ApiDefinition
from shared.external import ExternalClaims, ExternalVerifier
from shared.origins import is_listed
from shared.subscription import ApplicationDefinition, ApplicationId

REMEMBERED_TOKENS = 20_000


class Authenticator:
    """Verifies credentials; remembers the tokens that it verified by their hash, so that a storm costs little."""

    def __init__(
        self,
        tickets: TicketBox,
        proofs: ProofChecker,
        hints: KeyHints,
        introspector: Introspector,
        revoked: Container[str],
    ) -> None:
        """`revoked` holds the ids of tokens that are no longer good."""
        self._hints = hints
        self._introspector = introspector
        self._tickets = tickets
        self._proofs = proofs
        self._revoked = revoked
        self._verified: OrderedDict[bytes, tuple[TokenVerifier, AccessClaims, str | None]] = OrderedDict()

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
            return await self._redeem(credential, route, table, now)
        if credential.kind == "api_key":
            return _check_api_key(credential, handshake, route, table, now)
        if "oauth2" not in auth.types:
            raise _other_kind()
        proof = self._proofs.read(credential)
        bound_to = proof.thumbprint if proof else None
        claims, key_id = await self._read(credential.value, handshake.address, route.api, table, now, bound_to)
        caller = find_caller(claims, table, key_id)
        check_trust(route.api, caller)
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

    async def _read(
        self, token: str, address: str, api: ApiDefinition, table: RouteTable, now: float, bound_to: str | None
    ) -> tuple[AccessClaims, str | None]:
        """Return what a token says, by itself with the key's id, or by its issuer where it is opaque."""
        if len(token) > MAX_TOKEN_BYTES or not token.isascii():
            raise RefusedError("token_invalid", "The token is refused: not a JWT.", _challenge("invalid_token"))
        try:
            issuer = _find_issuer_to_ask(token, api, table)
            if issuer is None:
                return self._verify(token, api, table, now, bound_to)
            claims = await self._introspector.ask(issuer, token, address)
            issuer.check(claims, now, bound_to)
        except ExpiredTokenError as error:
            raise RefusedError("token_expired", headers=_challenge("invalid_token")) from error
        except InvalidTokenError as error:
            raise RefusedError(
                "token_invalid", f"The token is refused: {error}.", _challenge("invalid_token")
            ) from error
        return claims, None

    def _verify(
        self, token: str, api: ApiDefinition, table: RouteTable, now: float, bound_to: str | None
    ) -> tuple[AccessClaims, str | None]:
        digest = hashlib.sha256(token.encode()).digest()
        remembered = self._verified.get(digest)
        # A verifier is made anew with its keys: what an old one verified is verified again.
        if remembered is not None and table.issuers.get(remembered[1].iss) is remembered[0]:
            self._verified.move_to_end(digest)
            verifier, claims, key_id = remembered
            verifier.check(claims, now, bound_to)
            return claims, key_id
        verifier = _find_issuer(token, api, table)
        claims, key_id = self._verify_anew(token, verifier, now, bound_to), read_key_id(token)
        self._verified[digest] = (verifier, claims, key_id)
        if len(self._verified) > REMEMBERED_TOKENS:
            self._verified.popitem(last=False)
        return claims, key_id

    def _verify_anew(self, token: str, verifier: TokenVerifier, now: float, bound_to: str | None) -> AccessClaims:
        try:
            return verifier.verify(token, now, bound_to)
        except UnknownKeyError:
            if isinstance(verifier, ExternalVerifier):
                self._hints.note(verifier.name)
            raise

    async def _redeem(self, credential: Credential, route: Route, table: RouteTable, now: float) -> Caller:
        ticket = await self._tickets.redeem(credential.value)
        if ticket is None or ticket.api_id != route.api.id:
            raise RefusedError("token_invalid", "The ticket was used, is too old, or for another API.", _challenge())
        if ticket.claims is None:
            check_scopes(route.scopes, frozenset(ticket.scopes))
            application = _find_application(ticket.application_id, table)
            return Caller(application, ticket.key_type, ticket_scopes=ticket.scopes)
        # What holds for the token that it was fetched with, holds for it.
        if "oauth2" not in route.api.auth.types:
            raise _other_kind()
        _check_key(ticket.claims, ticket.key_id, table, now)
        caller = find_caller(ticket.claims, table, ticket.key_id)
        self.check_revoked(caller.claims)
        check_scopes(route.scopes, ticket.claims.scopes)
        return caller


def find_again(caller: Caller, visitor: Visitor, table: RouteTable, now: float) -> Caller:
    """Return a caller as a newer table has it, or refuse: for its application first, which takes its keys with it."""
    if caller.application is None:
        return caller
    application = _find_application(caller.application.id, table)
    if caller.claims is not None:
        _check_key(caller.claims, caller.key_id, table, now)
        return find_caller(caller.claims, table, caller.key_id)
    if caller.api_key is not None:
        key = _find_api_key(caller.api_key, table)
        _check_visitor(key, visitor)
        return _caller_of(key, table)
    return caller._replace(application=application)


def _check_key(claims: AccessClaims, key_id: str | None, table: RouteTable, now: float) -> None:
    """Refuse a token whose signing key was deleted before its time: a key that retires outlives what it signed."""
    if key_id is None or claims.exp <= now:
        return
    verifier = table.issuers.get(claims.iss)
    if verifier is None or all(key.kid != key_id for key in verifier.keys):
        raise _revoked()


def check_auth(route: Route, caller: Caller) -> None:
    """Refuse who got in by what the API takes no longer, or lacks a scope that it asks for now."""
    types = route.api.auth.types
    if "none" in types:
        return
    if caller.application is None:
        raise RefusedError("credentials_required", headers=_challenge())
    if (caller.api_key is not None and "api_key" not in types) or (caller.claims is not None and "oauth2" not in types):
        raise _other_kind()
    check_scopes(route.scopes, caller.scopes)


def find_caller(claims: AccessClaims, table: RouteTable, key_id: str | None = None) -> Caller:
    """Return whose token it is, or refuse: a key or an issuer that is gone takes its tokens with it."""
    key = table.keys.get(claims.client_id)
    external = isinstance(claims, ExternalClaims)
    if external and claims.iss not in table.issuers:
        raise _untrusted()
    if key is None:
        raise RefusedError("client_unmapped") if external else _revoked()
    application = _find_application(key.application_id, table)
    return Caller(application, key.key_type, claims, expires_at=claims.exp, key_id=None if external else key_id)


def check_trust(api: ApiDefinition, caller: Caller) -> None:
    """Refuse who came by a token of an issuer that the API does not trust."""
    if isinstance(caller.claims, ExternalClaims) and caller.claims.issuer_name not in api.issuers:
        raise _untrusted()


def _find_issuer_to_ask(token: str, api: ApiDefinition, table: RouteTable) -> ExternalVerifier | None:
    """Return who issued an opaque token. Where several could have, it is shown to none of them."""
    if not api.issuers or is_jwt(token):
        return None
    answering = [
        verifier
        for verifier in table.issuers.values()
        if isinstance(verifier, ExternalVerifier) and verifier.introspection and verifier.name in api.issuers
    ]
    return answering[0] if len(answering) == 1 else None


def _find_issuer(token: str, api: ApiDefinition, table: RouteTable) -> TokenVerifier:
    verifier = table.issuers.get(peek_issuer(token))
    if verifier is None:
        raise InvalidTokenError("another issuer")
    if isinstance(verifier, ExternalVerifier) and verifier.name not in api.issuers:
        raise _untrusted()
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
    _check_visitor(key, handshake.visitor)
    check_scopes(route.scopes, frozenset())
    return _caller_of(key, table)


def _check_visitor(key: ApiKeyDefinition, visitor: Visitor) -> None:
    if key.allowed_ips and not is_within(visitor.address, key.allowed_ips):
        raise RefusedError("source_forbidden")
    if key.allowed_origins and (visitor.origin is None or not is_listed(visitor.origin, key.allowed_origins)):
        raise RefusedError("origin_forbidden")


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
    if not scopes.issuperset(needed):
        raise RefusedError(
            "scope_missing",
            f"The credential lacks {' '.join(sorted(set(needed) - scopes))}.",
            _challenge("insufficient_scope", scope=" ".join(needed)),
        )


def _other_kind() -> RefusedError:
    return RefusedError("token_invalid", "The API doesn't take this kind of credential.", _challenge())


def _untrusted() -> RefusedError:
    return RefusedError("issuer_untrusted", headers=_challenge("invalid_token"))


def _revoked() -> RefusedError:
    return RefusedError("key_revoked", headers=_challenge("invalid_token"))


def _challenge(error: str = "", **parameters: str) -> dict[str, str]:
    """Return the header of RFC 6750, section 3: no error code where no credential came."""
    named = {"realm": "framegate"} | ({"error": error} if error else {}) | parameters
    return {"WWW-Authenticate": "Bearer " + ", ".join(f'{name}="{value}"' for name, value in named.items())}
