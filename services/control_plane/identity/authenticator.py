"""Bearer tokens to callers. The account is looked up each time, so what it lost counts at once."""

from services.control_plane.identity import repository
from services.control_plane.identity.bearer import BearerVerifier
from services.control_plane.identity.errors import UnauthorizedError
from services.control_plane.identity.principal import Principal, principal_of
from services.control_plane.identity.service import AccountService
from services.control_plane.kit.database import Database
from shared.claims import MANAGEMENT_AUDIENCE


class Authenticator:
    def __init__(self, bearer: BearerVerifier, accounts: AccountService, database: Database) -> None:
        self._bearer = bearer
        self._accounts = accounts
        self._database = database

    def authenticate(self, token: str) -> Principal:
        """Return who a token speaks for. Raises `UnauthorizedError`."""
        claims = self._bearer.verify(token, MANAGEMENT_AUDIENCE)
        # A session of its own: the request's transaction begins when the caller is known, and not for strangers.
        with self._database.reading() as session:
            self._bearer.check_revoked(session, claims)
            account = repository.find_by_client(session, claims.client_id)
            if account is None or account.disabled:
                raise UnauthorizedError("The account is gone.")
            return principal_of(account, self._accounts.granted_scopes(session, account), claims.scopes)
