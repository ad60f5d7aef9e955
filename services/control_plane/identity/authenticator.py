"""Bearer tokens to callers. The account is looked up each time, so what it lost counts at once."""

import math
from datetime import UTC, datetime

from sqlmodel import Session

from services.control_plane.identity import repository
from services.control_plane.identity.bearer import BearerVerifier, Credential
from services.control_plane.identity.errors import InsufficientScopeError, UnauthorizedError
from services.control_plane.identity.models import Account
from services.control_plane.identity.personal_tokens import PREFIX, PersonalTokenService
from services.control_plane.identity.principal import Principal, Warrant, principal_of
from services.control_plane.identity.roles import granted_scopes
from services.control_plane.kit.database import Database
from services.control_plane.oauth import repository as oauth_repository
from shared.claims import MANAGEMENT_AUDIENCE, AccessClaims


class Authenticator:
    def __init__(self, bearer: BearerVerifier, personal: PersonalTokenService, database: Database) -> None:
        self._bearer = bearer
        self._personal = personal
        self._database = database

    def authenticate(self, credential: Credential) -> Principal:
        """Return who a token speaks for. Raises `ProblemError`."""
        if credential.token.startswith(PREFIX) and credential.proofs is None:
            return self._find_person(credential.token)
        claims = self._bearer.verify(credential, MANAGEMENT_AUDIENCE)
        # A session of its own: the request's transaction begins when the caller is known, and not for strangers.
        with self._database.reading() as session:
            self._bearer.check_revoked(session, claims.jti)
            account = _find_account(session, claims)
            if account is None or account.disabled:
                raise UnauthorizedError("The account is gone.")
            warrant = Warrant(datetime.fromtimestamp(claims.exp, UTC), jti=claims.jti)
            return principal_of(account, granted_scopes(session, account), claims.scopes, warrant)

    def look_again(self, caller: Principal, scope: str) -> Principal:
        """Return a caller as it is now, some time after it came with a token. Raises `ProblemError`."""
        with self._database.reading() as session:
            if caller.warrant is not None:
                self._check(session, caller.warrant)
            account = session.get(Account, caller.account_id)
            if account is None or account.disabled:
                raise UnauthorizedError("The account is gone.")
            now = principal_of(account, granted_scopes(session, account), caller.scopes, caller.warrant)
        if scope not in now.scopes:
            raise InsufficientScopeError(scope)
        return now

    def seconds_left(self, caller: Principal) -> float:
        """Return how long what a caller came with is good, unless it is revoked."""
        if caller.warrant is None:
            return math.inf
        return max(0.0, (caller.warrant.expires_at - self._bearer.clock()).total_seconds())

    def _check(self, session: Session, warrant: Warrant) -> None:
        """Raise `UnauthorizedError` for what is no longer good."""
        if warrant.expires_at <= self._bearer.clock():
            raise UnauthorizedError("The token has expired.")
        if warrant.jti is not None:
            self._bearer.check_revoked(session, warrant.jti)
        if warrant.personal_token_id is not None and not self._personal.is_there(session, warrant.personal_token_id):
            raise UnauthorizedError("The token was revoked.")

    def _find_person(self, token: str) -> Principal:
        with self._database.reading() as session:
            found = self._personal.find(session, token)
            account = repository.get_account(session, found.account_id) if found else None
            if found is None or account is None or account.disabled:
                raise UnauthorizedError("The token is not valid.")
            warrant = Warrant(found.expires_at, personal_token_id=found.id)
            return principal_of(account, granted_scopes(session, account), frozenset(found.scopes), warrant)


def _find_account(session: Session, claims: AccessClaims) -> Account | None:
    """Return the service account that a client is, or the person who allowed a client to act."""
    if claims.sub == claims.client_id:
        return repository.find_by_client(session, claims.client_id)
    client = oauth_repository.find_client(session, claims.client_id)
    return repository.find_account(session, claims.sub, repository.PERSON) if client and not client.disabled else None
