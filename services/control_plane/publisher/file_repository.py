"""Pictures and documents of APIs. Whoever asks has found the API first, among those that they may see."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import func
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, delete, select

from services.control_plane.kit.pagination import Listing, PageQuery
from services.control_plane.kit.security import new_id
from services.control_plane.publisher.errors import DocumentExistsError
from services.control_plane.publisher.file_models import ApiThumbnail, Document, DocumentFile
from services.control_plane.publisher.models import Api

_DOCUMENTS: Final = Listing(
    search=(col(Document.name), col(Document.summary)),
    sort={
        "name": col(Document.name),
        "type": col(Document.type),
        "created_at": col(Document.created_at),
        "updated_at": col(Document.updated_at),
    },
    unique=col(Document.id),
)


def find_thumbnail(session: Session, api_id: str) -> bytes | None:
    return session.exec(select(ApiThumbnail.content).where(ApiThumbnail.api_id == api_id)).first()


def put_thumbnail(session: Session, api_id: str, content: bytes) -> None:
    session.merge(ApiThumbnail(api_id=api_id, content=content))
    session.flush()


def delete_thumbnail(session: Session, api_id: str) -> None:
    session.exec(delete(ApiThumbnail).where(col(ApiThumbnail.api_id) == api_id))


def list_documents(session: Session, api_id: str, query: PageQuery, *, private: bool) -> tuple[Sequence[Document], int]:
    """List an API's documents, the `private` ones too for publishers."""
    documents = select(Document).where(Document.api_id == api_id)
    if not private:
        documents = documents.where(Document.visibility == "api")
    return _DOCUMENTS.fetch(session, documents, query)


def all_documents(session: Session, api_id: str) -> Sequence[Document]:
    return session.exec(select(Document).where(Document.api_id == api_id).order_by(col(Document.name))).all()


def documents_of(session: Session, api_ids: Sequence[str]) -> Sequence[Document]:
    found = select(Document).where(col(Document.api_id).in_(api_ids))
    return session.exec(found.order_by(col(Document.name))).all()


def files_of(session: Session, api_ids: Sequence[str]) -> dict[str, bytes]:
    """Return the files of APIs, by document."""
    found = select(DocumentFile.document_id, DocumentFile.content).join(Document)
    return dict(session.exec(found.where(col(Document.api_id).in_(api_ids))).all())


def thumbnails_of(session: Session, api_ids: Sequence[str]) -> dict[str, bytes]:
    """Return the pictures of APIs, by API."""
    found = select(ApiThumbnail.api_id, ApiThumbnail.content)
    return dict(session.exec(found.where(col(ApiThumbnail.api_id).in_(api_ids))).all())


def count_characters(session: Session, api_ids: Sequence[str]) -> int:
    """Return how long the texts of APIs are together."""
    lengths = select(func.sum(func.length(Document.markdown)))
    return session.exec(lengths.where(col(Document.api_id).in_(api_ids))).one() or 0


def count_bytes(session: Session, api_ids: Sequence[str]) -> int:
    """Return how long the files and pictures of APIs are together."""
    files = select(func.sum(Document.file_bytes)).where(col(Document.api_id).in_(api_ids))
    pictures = select(func.sum(func.length(ApiThumbnail.content))).where(col(ApiThumbnail.api_id).in_(api_ids))
    return (session.exec(files).one() or 0) + (session.exec(pictures).one() or 0)


def count_documents(session: Session, api_id: str) -> int:
    return session.exec(select(func.count()).select_from(Document).where(Document.api_id == api_id)).one()


def find_document(session: Session, api_id: str, document_id: str) -> Document | None:
    return session.exec(select(Document).where(Document.id == document_id, Document.api_id == api_id)).first()


def save_document(session: Session, document: Document) -> None:
    """Write. Raises `DocumentExistsError`."""
    session.add(document)
    try:
        session.flush()
    except IntegrityError as error:
        raise DocumentExistsError from error


def find_file(session: Session, document_id: str) -> bytes | None:
    return session.exec(select(DocumentFile.content).where(DocumentFile.document_id == document_id)).first()


def put_file(session: Session, document_id: str, content: bytes) -> None:
    session.merge(DocumentFile(document_id=document_id, content=content))
    session.flush()


def delete_file(session: Session, document_id: str) -> None:
    session.exec(delete(DocumentFile).where(col(DocumentFile.document_id) == document_id))


def copy(session: Session, source: Api, target: Api) -> None:
    """Give an API the picture and the documents of another."""
    if (picture := find_thumbnail(session, source.id)) is not None:
        target.thumbnail = source.thumbnail
        put_thumbnail(session, target.id, picture)
    for document in all_documents(session, source.id):
        made = Document(**{**document.model_dump(exclude={"row_version"}), "id": new_id(), "api_id": target.id})
        save_document(session, made)
        if (content := find_file(session, document.id)) is not None:
            put_file(session, made.id, content)
