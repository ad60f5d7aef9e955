"""Bearer tokens to callers. The account is looked up each time, so what it lost counts at once."""

from sqlmodel import Session

from services.control_plane.identity import repository
from services.control_plane.identity.errors import UnauthorizedError
from services.control_plane.identity.models import Account
from services.control_plane.identity.personal_tokens import PREFIX, PersonalTokenService
from services.control_plane.identity.principal import Principal, principal_of
from services.control_plane.identity.roles import granted_scopes
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.database import Database
from services.control_plane.oauth import repository as oauth_repository
from services.control_plane.oauth.keyring import KeyRing
from services.control_plane.oauth.revocation import Revocations
from shared.claims import MANAGEMENT_AUDIENCE, AccessClaims, ExpiredTokenError, InvalidTokenError, TokenVerifier


class Authenticator:
    def __init__(
        self,
        issuer: str,
        keyring: KeyRing,
        revocations: Revocations,
        personal: PersonalTokenService,
        database: Database,
        clock: Clock,
    ) -> None:
        self._issuer = issuer
        self._keyring = keyring
        self._revocations = revocations
        self._personal = personal
        self._database = database
        self._clock = clock

    def authenticate(self, token: str) -> Principal:
        """Return who a token speaks for. Raises `UnauthorizedError`."""
        if token.startswith(PREFIX):
            return self._find_person(token)
        claims = self._verify(token)
        # A session of its own: the request's transaction begins when the caller is known, and not for strangers.
        with self._database.reading() as session:
            if self._revocations.contains(session, claims.jti):
                raise UnauthorizedError("The token was revoked.")
            account = _find_account(session, claims)
            if account is None or account.disabled:
                raise UnauthorizedError("The account is gone.")
            return principal_of(account, granted_scopes(session, account), claims.scopes)

    def _find_person(self, token: str) -> Principal:
        with self._database.reading() as session:
            found = self._personal.find(session, token)
            account = repository.get_account(session, found.account_id) if found else None
            if found is None or account is None or account.disabled:
                raise UnauthorizedError("The token is not valid.")
            return principal_of(account, granted_scopes(session, account), frozenset(found.scopes), by_token=True)

    def _verify(self, token: str) -> AccessClaims:
        verifier = TokenVerifier(self._issuer, MANAGEMENT_AUDIENCE, self._keyring.public)
        try:
            return verifier.verify(token, self._clock().timestamp())
        except ExpiredTokenError as error:
            raise UnauthorizedError("The token has expired.") from error
        except InvalidTokenError as error:
            raise UnauthorizedError("The token is not valid.") from error


def _find_account(session: Session, claims: AccessClaims) -> Account | None:
    """Return the service account that a client is, or the person who allowed a client to act."""
    if claims.sub == claims.client_id:
        return repository.find_by_client(session, claims.client_id)
    client = oauth_repository.find_client(session, claims.client_id)
    return repository.find_account(session, claims.sub, repository.PERSON) if client and not client.disabled else None
