from datetime import timedelta

from sqlmodel import Session

from services.control_plane.catalogue import outbox
from services.control_plane.kit import audit, preconditions
from services.control_plane.kit.clock import Clock
from services.control_plane.oauth import repository as oauth_repository
from services.control_plane.oauth.models import OAuthClient
from services.control_plane.oauth.service import ClientService, NewClient
from services.control_plane.oauth.tokens import NewToken, TokenIssuer
from services.control_plane.store import repository
from services.control_plane.store.errors import KeyExistsError, check_approved, no_key, scopes_not_allowed
from services.control_plane.store.models import Application, ApplicationKey
from services.control_plane.store.projection import define_key, words_of_key
from services.control_plane.store.schemas import KeyCreate, KeyWrite, TokenCreate
from shared.claims import GATEWAY_AUDIENCE
from shared.definition import KeyType


class KeyService:
    """Key pairs of applications: each is an OAuth client."""

    def __init__(self, clients: ClientService, issuer: TokenIssuer, clock: Clock) -> None:
        self._clients = clients
        self._issuer = issuer
        self._clock = clock

    def get(self, session: Session, application: Application, key_type: KeyType) -> ApplicationKey:
        key = repository.find_key(session, application.id, key_type)
        if key is None:
            raise no_key(key_type)
        return key

    def client_of(self, session: Session, key: ApplicationKey) -> OAuthClient:
        return oauth_repository.get_client(session, key.client_id)

    def create(self, session: Session, application: Application, body: KeyCreate) -> tuple[ApplicationKey, NewClient]:
        """Make a key pair."""
        check_approved(application)
        if repository.find_key(session, application.id, body.key_type) is not None:
            raise KeyExistsError(body.key_type)
        new = self._clients.create(
            session,
            audience=GATEWAY_AUDIENCE,
            scopes=list(dict.fromkeys(body.scopes)),
            grant_types=body.grant_types,
            redirect_uris=body.callback_urls,
            jwks=body.jwks,
            validity_seconds=body.validity_seconds,
        )
        now = self._clock()
        key = ApplicationKey(
            application_id=application.id,
            key_type=body.key_type,
            client_id=new.client.id,
            created_at=now,
            updated_at=now,
        )
        repository.add(session, key, KeyExistsError(body.key_type))
        audit.record(session, "key.create", "key", key.client_id, **words_of_key(key))
        outbox.record(session, "key", key.client_id, define_key(key), now)
        return key, new

    def first_token(self, new: NewClient) -> NewToken:
        """Return a token for a key pair that was just made."""
        return self._issuer.issue(new.client, new.client.scopes)

    def replace(self, session: Session, key: ApplicationKey, body: KeyWrite, if_match: str | None) -> OAuthClient:
        preconditions.check(if_match, key.row_version)
        client = self.client_of(session, key)
        self._clients.configure(
            session,
            client,
            scopes=list(dict.fromkeys(body.scopes)),
            grant_types=body.grant_types,
            redirect_uris=body.callback_urls,
            jwks=body.jwks,
            validity_seconds=body.validity_seconds,
        )
        self._touch(session, key, "key.update")
        return client

    def delete(self, session: Session, key: ApplicationKey, if_match: str | None) -> None:
        preconditions.check(if_match, key.row_version)
        session.delete(key)
        session.flush()
        oauth_repository.delete_client(session, key.client_id)
        audit.record(session, "key.delete", "key", key.client_id, **words_of_key(key))
        outbox.record(session, "key", key.client_id, None, self._clock())

    def regenerate_secret(self, session: Session, key: ApplicationKey, overlap_seconds: int) -> str:
        secret = self._clients.replace_secret(self.client_of(session, key), timedelta(seconds=overlap_seconds))
        self._touch(session, key, "key.regenerate_secret")
        return secret

    def issue(self, session: Session, key: ApplicationKey, body: TokenCreate) -> NewToken:
        """Return a token for the key's owner, who need not have the secret at hand."""
        client = self.client_of(session, key)
        wanted = client.scopes if body.scopes is None else list(dict.fromkeys(body.scopes))
        excess = sorted(set(wanted) - set(client.scopes))
        if excess:
            raise scopes_not_allowed(excess)
        audit.record(session, "key.token", "key", key.client_id)
        oauth_repository.note_validity(session, body.validity_seconds or client.token_validity_seconds)
        return self._issuer.issue(client, wanted, body.validity_seconds)

    def _touch(self, session: Session, key: ApplicationKey, action: str) -> None:
        key.updated_at = self._clock()
        session.flush()
        audit.record(session, action, "key", key.client_id, **words_of_key(key))
