from sqlmodel import Session

from services.control_plane.asyncapi import repository
from services.control_plane.asyncapi.checks import find_checks
from services.control_plane.asyncapi.comparing import compare
from services.control_plane.asyncapi.conversion import as_version_3
from services.control_plane.asyncapi.gateway import Gateway, generate, show
from services.control_plane.asyncapi.mocking import make_mock
from services.control_plane.asyncapi.reading import Document
from services.control_plane.asyncapi.schema_comparing import TooDifferentError
from services.control_plane.asyncapi.schemas import DiffRead
from services.control_plane.environments import repository as environment_repository
from services.control_plane.kit import audit, preconditions
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.problems import InvalidError
from services.control_plane.publisher.messages import Asked, Described
from services.control_plane.publisher.models import Api
from services.control_plane.store.projection import deployed_to, urls_of


class DocumentService:
    """Keeps the documents that APIs were given, and makes one where there is none."""

    def __init__(self, public_url: str, clock: Clock) -> None:
        self._public_url = public_url
        self._clock = clock

    def read(self, session: Session, api: Api) -> Document:
        """Return an API's document as its publishers see it, as version 3."""
        given = repository.find(session, api.id)
        return generate(api, self._gateway_of(session, api)) if given is None else as_version_3(given)

    def given_version(self, session: Session, api: Api) -> str | None:
        """Return which version of AsyncAPI the document is of that an API was given, if any."""
        given = repository.find(session, api.id)
        return None if given is None else str(given["asyncapi"])

    def show(self, session: Session, api: Api) -> Document:
        """Return an API's document as its subscribers see it, as version 3."""
        given = repository.find(session, api.id)
        gateway = self._gateway_of(session, api)
        return generate(api, gateway) if given is None else show(as_version_3(given), api, gateway)

    def compare(self, session: Session, before: Api, after: Api) -> DiffRead:
        """Return what changed from one API's document to another's."""
        return self.foresee(session, before, self.read(session, after))

    def foresee(self, session: Session, before: Api, document: Document) -> DiffRead:
        """Return what a document of version 3 would change for those who know an API's."""
        try:
            changes = compare(self.read(session, before), document)
        except TooDifferentError as error:
            raise InvalidError.of("against", "is too different to compare") from error
        return DiffRead(against=before.id, breaking=any(change.breaking for change in changes), changes=changes)

    def replace(self, session: Session, api: Api, document: Document, if_match: str | None) -> None:
        """Keep a document that was checked. The API has changed by it, and so has its version."""
        preconditions.check(if_match, api.row_version)
        api.updated_at = self._clock()
        self.keep(session, api, document)

    def keep(self, session: Session, api: Api, document: Document) -> None:
        repository.put(session, api.id, document)
        audit.record(session, "api.asyncapi", "api", api.id)

    def _gateway_of(self, session: Session, api: Api) -> Gateway:
        environments = deployed_to(api, environment_repository.list_all(session))
        return Gateway(urls_of(environments), self._public_url)


def describe(session: Session, api_id: str, asked: Asked) -> Described:
    """Return what is asked for. Raises `InvalidError` where the document says too little, or there is none."""
    given = repository.find(session, api_id)
    document = {} if given is None else as_version_3(given)
    checks = find_checks(document, {"publish": asked.publish, "subscribe": asked.subscribe})
    return Described(checks, make_mock(document, asked.mocked) if asked.mocked else None)
