from typing import Any

from sqlmodel import Session

from services.control_plane.catalogue import outbox
from services.control_plane.issuers import repository
from services.control_plane.issuers.errors import NoGoodAnswerError, cannot_move, names_others, ours, unreadable
from services.control_plane.issuers.introspection import Introspection
from services.control_plane.issuers.models import ExternalIssuer
from services.control_plane.issuers.projection import catalogue_id, define_issuer
from services.control_plane.issuers.reading import IssuerReader
from services.control_plane.issuers.schemas import IssuerCreate, IssuerWrite
from services.control_plane.kit import audit, preconditions
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.problems import NotFoundError

Jwks = list[dict[str, Any]]


class ExternalIssuerService:
    """Issuers that administrators let publishers trust."""

    def __init__(self, own_issuer: str, reader: IssuerReader, introspection: Introspection, clock: Clock) -> None:
        self._own_issuer = own_issuer
        self._reader = reader
        self._introspection = introspection
        self._clock = clock

    def read_keys(self, body: IssuerWrite) -> Jwks:
        """Ask an issuer for its keys, before any transaction begins. Raises `InvalidError`."""
        if body.issuer == self._own_issuer:
            raise ours()
        try:
            keys = self._reader.read_keys(body.issuer, body.jwks_uri)
        except NoGoodAnswerError as error:
            raise unreadable(error, at_jwks_uri=body.jwks_uri is not None) from error
        self._introspection.check(body.introspection)
        return keys

    def get(self, session: Session, name: str) -> ExternalIssuer:
        row = repository.find(session, name)
        if row is None:
            raise NotFoundError
        return row

    def create(self, session: Session, body: IssuerCreate, keys: Jwks) -> ExternalIssuer:
        now = self._clock()
        row = ExternalIssuer(
            name=body.name,
            issuer=body.issuer,
            audience=body.audience,
            keys=keys,
            checked_at=now,
            fetched_at=now,
            created_at=now,
            updated_at=now,
        )
        self._assign(row, body)
        repository.add(session, row)
        self._publish(session, row, "issuer.create")
        return row

    def replace(
        self, session: Session, row: ExternalIssuer, body: IssuerWrite, keys: Jwks, if_match: str | None
    ) -> None:
        preconditions.check(if_match, row.row_version)
        if body.issuer != row.issuer:
            raise cannot_move()
        if body.application_claim != row.application_claim and repository.has_mapped_clients(session, row.name):
            raise names_others()
        self._assign(row, body)
        row.keys, row.failure = keys, None
        row.checked_at = row.fetched_at = row.updated_at = self._clock()
        session.flush()
        self._publish(session, row, "issuer.update")

    def delete(self, session: Session, row: ExternalIssuer, if_match: str | None) -> None:
        preconditions.check(if_match, row.row_version)
        repository.delete(session, row)
        audit.record(session, "issuer.delete", "issuer", row.name)
        outbox.record(session, "issuer", catalogue_id(row.name), None, self._clock())

    def _assign(self, row: ExternalIssuer, body: IssuerWrite) -> None:
        row.audience = body.audience
        row.application_claim = body.application_claim
        row.jwks_uri = body.jwks_uri
        self._introspection.assign(row, body.introspection)

    def _publish(self, session: Session, row: ExternalIssuer, action: str) -> None:
        audit.record(session, action, "issuer", row.name)
        outbox.record(session, "issuer", catalogue_id(row.name), define_issuer(row), self._clock())
