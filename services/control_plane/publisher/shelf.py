"""The documents of APIs."""

from typing import Any

from sqlmodel import Session

from services.control_plane.kit import audit, preconditions
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.markdown import MAX_HTML_LENGTH, is_too_long
from services.control_plane.kit.security import new_id
from services.control_plane.publisher import file_repository, repository
from services.control_plane.publisher.document_schemas import (
    MAX_DOCUMENTS,
    MAX_FILE_BYTES,
    DocumentContentRead,
    DocumentRead,
    DocumentWrite,
)
from services.control_plane.publisher.errors import (
    NoFileError,
    TooManyDocumentsError,
    no_document,
    no_file,
    too_long,
    too_much_html,
)
from services.control_plane.publisher.file_models import Document
from services.control_plane.publisher.models import Api


class DocumentShelf:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def get(self, session: Session, api: Api, document_id: str, *, private: bool) -> Document:
        """Return a document of an API, a `private` one too for publishers. Raises `NotFoundError`."""
        document = file_repository.find_document(session, api.id, document_id)
        if document is None or not (private or document.visibility == "api"):
            raise no_document()
        return document

    def create(self, session: Session, api: Api, body: DocumentWrite) -> Document:
        columns = _columns(body)
        repository.hold(session, [api.id])  # nobody else adds one meanwhile
        if file_repository.count_documents(session, api.id) >= MAX_DOCUMENTS:
            raise TooManyDocumentsError(MAX_DOCUMENTS)
        now = self._clock()
        document = Document(id=new_id(), api_id=api.id, created_at=now, updated_at=now, **columns)
        file_repository.save_document(session, document)
        audit.record(session, "document.create", "document", document.id)
        return document

    def replace(self, session: Session, document: Document, body: DocumentWrite, if_match: str | None) -> None:
        preconditions.check(if_match, document.row_version)
        columns = _columns(body)
        if body.source != "file" and document.file_name is not None:
            document.file_name = document.file_bytes = None
            file_repository.delete_file(session, document.id)
        for name, value in columns.items():
            setattr(document, name, value)
        document.updated_at = self._clock()
        file_repository.save_document(session, document)
        audit.record(session, "document.update", "document", document.id)

    def delete(self, session: Session, document: Document, if_match: str | None) -> None:
        preconditions.check(if_match, document.row_version)
        session.delete(document)
        session.flush()
        audit.record(session, "document.delete", "document", document.id)

    def read_file(self, session: Session, document: Document) -> tuple[bytes, str]:
        """Return a document's file and its name. Raises `NotFoundError`."""
        content = file_repository.find_file(session, document.id)
        if content is None or document.file_name is None:
            raise no_file()
        return content, document.file_name

    def put_file(self, session: Session, document: Document, name: str, content: bytes, if_match: str | None) -> None:
        preconditions.check(if_match, document.row_version)
        if document.source != "file":
            raise NoFileError
        if not 0 < len(content) <= MAX_FILE_BYTES:
            raise too_long(MAX_FILE_BYTES)
        document.file_name, document.file_bytes = name, len(content)
        document.updated_at = self._clock()
        file_repository.put_file(session, document.id, content)
        audit.record(session, "document.update", "document", document.id)


def read_document(document: Document) -> DocumentRead:
    return DocumentRead.model_validate(document.model_dump(exclude={"api_id", "markdown"}))


def read_content(document: Document) -> DocumentContentRead:
    return DocumentContentRead.model_validate(document.model_dump(exclude={"api_id"}))


def write_of(document: Document) -> DocumentWrite:
    """Return the body that would put a document as it is."""
    return DocumentWrite.model_validate(document.model_dump(include=set(DocumentWrite.model_fields)))


def _columns(body: DocumentWrite) -> dict[str, Any]:
    """Return a document's columns. Raises `InvalidError`."""
    text = (body.markdown or "") if body.source == "markdown" else None
    if text and is_too_long(text):
        raise too_much_html(MAX_HTML_LENGTH)
    return {**body.model_dump(), "markdown": text}
