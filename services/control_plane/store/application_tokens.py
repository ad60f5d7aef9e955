"""Access tokens that applications show to the store, and not to a pod."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlmodel import Session

from services.control_plane.identity import repository as identity_repository
from services.control_plane.identity.bearer import BearerVerifier, Credential
from services.control_plane.identity.errors import UnauthorizedError
from services.control_plane.store import repository
from services.control_plane.store.models import ApplicationKey
from shared.claims import GATEWAY_AUDIENCE, AccessClaims


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose token it is, and what its owner may see in the store."""

    key: ApplicationKey
    roles: Collection[str]
    organisation: str


class ApplicationTokens:
    def __init__(self, bearer: BearerVerifier) -> None:
        self._bearer = bearer

    def verify(self, credential: Credential, hint: str = "") -> AccessClaims:
        """Return the claims of an application's access token, by its signature. Raises `ProblemError`."""
        return self._bearer.verify(credential, GATEWAY_AUDIENCE, hint)

    def find_holder(self, session: Session, claims: AccessClaims) -> Holder:
        """Return whose token it is while it is good. Raises `UnauthorizedError`."""
        self._bearer.check_revoked(session, claims.jti)
        key = repository.find_key_of_client(session, claims.client_id)
        if key is None:
            raise UnauthorizedError("The key is gone.")
        application = repository.get_application(session, key.application_id)
        owner = identity_repository.get_account(session, application.owner_id)
        person = owner.id if claims.sub == claims.client_id else claims.sub
        if owner.disabled or not identity_repository.is_active(session, person):
            raise UnauthorizedError("Whoever the token speaks for is gone.")
        return Holder(key, {link.role for link in owner.roles}, application.organisation)
