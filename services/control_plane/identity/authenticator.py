"""Bearer tokens to callers. The account is looked up each time, so what it lost counts at once."""

from sqlmodel import Session

from services.control_plane.identity import repository
from services.control_plane.identity.bearer import BearerVerifier, Credential
from services.control_plane.identity.errors import InsufficientScopeError, UnauthorizedError
from services.control_plane.identity.models import Account
from services.control_plane.identity.personal_tokens import PREFIX, PersonalTokenService
from services.control_plane.identity.principal import Principal, principal_of
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
            self._bearer.check_revoked(session, claims)
            account = _find_account(session, claims)
            if account is None or account.disabled:
                raise UnauthorizedError("The account is gone.")
            return principal_of(account, granted_scopes(session, account), claims.scopes)

    def look_again(self, caller: Principal, scope: str) -> Principal:
        """Return a caller as it is now, some time after it came with a token. Raises `ProblemError`."""
        with self._database.reading() as session:
            account = session.get(Account, caller.account_id)
            if account is None or account.disabled:
                raise UnauthorizedError("The account is gone.")
            now = principal_of(account, granted_scopes(session, account), caller.scopes)
        if scope not in now.scopes:
            raise InsufficientScopeError(scope)
        return now

    def _find_person(self, token: str) -> Principal:
        with self._database.reading() as session:
            found = self._personal.find(session, token)
            account = repository.get_account(session, found.account_id) if found else None
            if found is None or account is None or account.disabled:
                raise UnauthorizedError("The token is not valid.")
            return principal_of(account, granted_scopes(session, account), frozenset(found.scopes), by_token=True)


def _find_account(session: Session, claims: AccessClaims) -> Account | None:
    """Return the service account that a client is, or the person who allowed a client to act."""
    if claims.sub == claims.client_id:
        return repository.find_by_client(session, claims.client_id)
    client = oauth_repository.find_client(session, claims.client_id)
    return repository.find_account(session, claims.sub, repository.PERSON) if client and not client.disabled else None
