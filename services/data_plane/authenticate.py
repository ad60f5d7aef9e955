"""Stage 3: who calls."""

import hashlib
from collections import OrderedDict

from services.data_plane.connection import ANONYMOUS, Caller, Handshake, Route
from services.data_plane.refusal import RefusedError
from services.data_plane.table import RouteTable
from shared.claims import AccessClaims, ExpiredTokenError, InvalidTokenError, TokenVerifier, peek_issuer

REMEMBERED_TOKENS = 20_000


class Authenticator:
    """Verifies credentials; remembers the tokens that it verified by their hash, so that a storm costs little."""

    def __init__(self) -> None:
        self._verified: OrderedDict[bytes, tuple[TokenVerifier, AccessClaims]] = OrderedDict()

    def authenticate(self, handshake: Handshake, route: Route, table: RouteTable, now: float) -> Caller:
        """Return the caller, or refuse. `now` is the wall clock in seconds."""
        auth = route.api.auth
        if "none" in auth.types:
            return ANONYMOUS
        credential = handshake.credential
        if credential is None:
            raise RefusedError("credentials_required", headers=_challenge())
        if credential.kind != "token" or "oauth2" not in auth.types:
            raise RefusedError("token_invalid", "The API doesn't take this kind of credential.", _challenge())
        claims = self._verify(credential.value, table, now)
        if missing := set(auth.scopes) - claims.scopes:
            raise RefusedError(
                "scope_missing",
                f"The token lacks {' '.join(sorted(missing))}.",
                _challenge("insufficient_scope", scope=" ".join(auth.scopes)),
            )
        return find_caller(claims, table)

    def _verify(self, token: str, table: RouteTable, now: float) -> AccessClaims:
        digest = hashlib.sha256(token.encode()).digest()
        remembered = self._verified.get(digest)
        try:
            # A verifier is made anew with its keys: what an old one verified is verified again.
            if remembered is not None and table.issuers.get(remembered[1].iss) is remembered[0]:
                self._verified.move_to_end(digest)
                remembered[0].check(remembered[1], now)
                return remembered[1]
            verifier = _find_issuer(token, table)
            claims = verifier.verify(token, now)
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


def _find_issuer(token: str, table: RouteTable) -> TokenVerifier:
    verifier = table.issuers.get(peek_issuer(token))
    if verifier is None:
        raise InvalidTokenError("another issuer")
    return verifier


def find_caller(claims: AccessClaims, table: RouteTable) -> Caller:
    """Return whose token it is, or refuse: a key that is gone takes its tokens with it."""
    key = table.keys.get(claims.client_id)
    if key is None:
        raise RefusedError("key_revoked", headers=_challenge("invalid_token"))
    application = table.applications.get(key.application_id)
    if application is None:
        raise RefusedError("key_revoked", headers=_challenge("invalid_token"))
    return Caller(application=application, key_type=key.key_type, claims=claims)


def _challenge(error: str = "", **parameters: str) -> dict[str, str]:
    """Return the header of RFC 6750, section 3: no error code where no credential came."""
    named = {"realm": "framegate"} | ({"error": error} if error else {}) | parameters
    return {"WWW-Authenticate": "Bearer " + ", ".join(f'{name}="{value}"' for name, value in named.items())}
