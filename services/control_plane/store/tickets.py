"""Tickets: what a browser shows in place of a token, once."""

import secrets
from collections.abc import Collection
from typing import Final

from redis import Redis
from redis.exceptions import RedisError
from sqlmodel import Session

from services.control_plane.identity.bearer import Credential
from services.control_plane.kit import tenancy
from services.control_plane.kit.bulkhead import Bulkhead
from services.control_plane.kit.problems import UnavailableError
from services.control_plane.oauth import repository as oauth_repository
from services.control_plane.store import repository
from services.control_plane.store.application_tokens import ApplicationTokens
from services.control_plane.store.errors import no_api
from services.control_plane.store.models import Application
from shared import keys
from shared.claims import AccessClaims
from shared.definition import ApiId, KeyType
from shared.subscription import ApplicationId
from shared.tickets import SECONDS, Ticket, digest_ticket

_RANDOM_BYTES: Final = 32


class TicketService:
    """Makes tickets and leaves them in Redis. `redis` must give up soon, as for quotas."""

    def __init__(self, tokens: ApplicationTokens, redis: Redis, bulkhead: Bulkhead) -> None:
        self._tokens = tokens
        self._redis = redis
        self._bulkhead = bulkhead

    def verify(self, credential: Credential) -> AccessClaims:
        """Return the claims of an application's access token. Raises `ProblemError`."""
        return self._tokens.verify(credential, "A subscriber names application_id and key_type.")

    def grant(self, session: Session, claims: AccessClaims, key_id: str | None, api_id: str) -> Ticket:
        """Return a ticket that allows what an application's token does, and as long. Raises `ProblemError`."""
        holder = self._tokens.find_holder(session, claims)
        with tenancy.within(session, holder.organisation):
            _check_visible(session, api_id, holder.roles)
        return Ticket.model_validate(
            {
                "api_id": api_id,
                "application_id": holder.key.application_id,
                "key_type": holder.key.key_type,
                "claims": claims,
                "key_id": key_id,
            }
        )

    def grant_owner(
        self, session: Session, application: Application, key_type: KeyType, api_id: str, roles: Collection[str]
    ) -> Ticket:
        """Return a ticket for an application's owner, with the scopes that its tokens have. Raises `NotFoundError`."""
        _check_visible(session, api_id, roles)
        key = repository.find_key(session, application.id, key_type)
        scopes = oauth_repository.get_client(session, key.client_id).scopes if key else []
        return Ticket(
            api_id=ApiId(api_id),
            application_id=ApplicationId(application.id),
            key_type=key_type,
            scopes=tuple(scopes),
        )

    def keep(self, ticket: Ticket) -> str:
        """Leave a ticket for the pods, and return its text. Raises `UnavailableError`."""
        text = secrets.token_urlsafe(_RANDOM_BYTES)
        with self._bulkhead.place():
            try:
                self._redis.set(keys.ticket(digest_ticket(text)), ticket.model_dump_json(), ex=SECONDS, nx=True)
            except (RedisError, OSError) as error:
                detail = "Redis, where tickets wait, does not answer."
                raise UnavailableError(detail, headers={"Retry-After": "1"}) from error
        return text


def _check_visible(session: Session, api_id: str, roles: Collection[str]) -> None:
    if repository.find_api(session, api_id, roles) is None:
        raise no_api()
