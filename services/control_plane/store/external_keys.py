from collections.abc import Sequence
from typing import Final

from sqlmodel import Session

from services.control_plane.catalogue import outbox
from services.control_plane.catalogue.counts import Counted, edition_of_all
from services.control_plane.issuers import repository as issuers
from services.control_plane.issuers.errors import NoGoodAnswerError
from services.control_plane.issuers.introspection import Introspection
from services.control_plane.issuers.projection import define_external
from services.control_plane.kit import audit, preconditions
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.database import Database
from services.control_plane.kit.pagination import PageQuery
from services.control_plane.kit.problems import NotFoundError
from services.control_plane.kit.security import new_id
from services.control_plane.store import repository
from services.control_plane.store.errors import (
    ExternalKeyExistsError,
    TooManyExternalKeysError,
    check_approved,
    no_external_key,
    proves_nothing,
    unknown_issuer,
)
from services.control_plane.store.external_key_schemas import ExternalKeyCreate
from services.control_plane.store.models import Application, ExternalKey
from services.control_plane.store.projection import define_external_key, words_of_key
from shared.claims import InvalidTokenError, is_jwt
from shared.external import ExternalVerifier

MAX_KEYS: Final = 50
"""Of one application: pods hold all of them in memory."""


class ExternalKeyService:
    """Clients of external issuers that applications are."""

    def __init__(self, database: Database, introspection: Introspection, clock: Clock) -> None:
        self._database = database
        self._introspection = introspection
        self._clock = clock
        self._total = Counted(edition_of_all, repository.count_mapped_clients)

    def list_all(self, session: Session, paging: PageQuery) -> tuple[Sequence[ExternalKey], int]:
        """Return a page of the keys of all applications, and the total: for an administrator."""
        return repository.list_mapped_clients(session, paging, None if paging.q else self._total.read(session))

    def get(self, session: Session, application: Application, key_id: str) -> ExternalKey:
        key = repository.find_external_key(session, key_id, application.id)
        if key is None:
            raise no_external_key()
        return key

    def get_any(self, session: Session, key_id: str) -> ExternalKey:
        """Return a key of whatever application: for an administrator."""
        key = repository.find_mapped_client(session, key_id)
        if key is None:
            raise NotFoundError
        return key

    def find_client(self, body: ExternalKeyCreate) -> str:
        """Return the client that a token is of: the issuer may be asked, and no transaction waits for it.

        Raises `InvalidError`. Without a token anybody could take another's client for theirs.
        """
        with self._database.reading() as session:
            issuer = issuers.find(session, body.issuer)
        if issuer is None:
            raise unknown_issuer(body.issuer)
        verifier = ExternalVerifier.of(issuer.issuer, define_external(issuer))
        token = body.token.get_secret_value()
        now = self._clock().timestamp()
        try:
            if is_jwt(token):
                return verifier.verify(token, now).client_id
            claims = verifier.read_answer(self._introspection.ask(issuer, token), token)
            verifier.check(claims, now)
        except (InvalidTokenError, NoGoodAnswerError) as error:
            raise proves_nothing(str(error)) from error
        return claims.client_id

    def create(
        self, session: Session, application: Application, body: ExternalKeyCreate, client_id: str
    ) -> ExternalKey:
        """Map a client to an application."""
        check_approved(application)
        if len(repository.all_external_keys(session, application.id)) >= MAX_KEYS:
            raise TooManyExternalKeysError(MAX_KEYS)
        key = ExternalKey(
            id=new_id(),
            application_id=application.id,
            key_type=body.key_type,
            issuer=body.issuer,
            client_id=client_id,
            created_at=self._clock(),
        )
        repository.add(session, key, ExternalKeyExistsError())
        audit.record(session, "external_key.create", "key", key.client_id, **words_of_key(key))
        outbox.record(session, "key", key.client_id, define_external_key(key), self._clock())
        return key

    def delete(self, session: Session, key: ExternalKey, if_match: str | None) -> None:
        preconditions.check(if_match, key.row_version)
        session.delete(key)
        session.flush()
        audit.record(session, "external_key.delete", "key", key.client_id, **words_of_key(key))
        outbox.record(session, "key", key.client_id, None, self._clock())

    def delete_all(self, session: Session, application: Application) -> None:
        for key in repository.all_external_keys(session, application.id):
            self.delete(session, key, None)
