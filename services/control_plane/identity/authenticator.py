"""Bearer tokens to callers. The account is looked up each time, so what it lost counts at once."""

from services.control_plane.identity import repository
from services.control_plane.identity.errors import UnauthorizedError
from services.control_plane.identity.principal import Principal, principal_of
from services.control_plane.identity.roles import granted_scopes
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.database import Database
from services.control_plane.oauth.keyring import KeyRing
from services.control_plane.oauth.revocation import Revocations
from shared.claims import MANAGEMENT_AUDIENCE, AccessClaims, ExpiredTokenError, InvalidTokenError, TokenVerifier


class Authenticator:
    def __init__(
        self,
        issuer: str,
        keyring: KeyRing,
        revocations: Revocations,
        database: Database,
        clock: Clock,
    ) -> None:
        self._issuer = issuer
        self._keyring = keyring
        self._revocations = revocations
        self._database = database
        self._clock = clock

    def authenticate(self, token: str) -> Principal:
        """Return who a token speaks for. Raises `UnauthorizedError`."""
        claims = self._verify(token)
        # A session of its own: the request's transaction begins when the caller is known, and not for strangers.
        with self._database.reading() as session:
            if self._revocations.contains(session, claims.jti):
                raise UnauthorizedError("The token was revoked.")
            account = repository.find_by_client(session, claims.client_id)
            if account is None or account.disabled:
                raise UnauthorizedError("The account is gone.")
            return principal_of(account, granted_scopes(session, account), claims.scopes)

    def _verify(self, token: str) -> AccessClaims:
        verifier = TokenVerifier(self._issuer, MANAGEMENT_AUDIENCE, self._keyring.public)
        try:
            return verifier.verify(token, self._clock().timestamp())
        except ExpiredTokenError as error:
            raise UnauthorizedError("The token has expired.") from error
        except InvalidTokenError as error:
            raise UnauthorizedError("The token is not valid.") from error
