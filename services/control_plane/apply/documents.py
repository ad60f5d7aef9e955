"""Documents of APIs in manifests: texts and links. Files are put apart, and stay as they are."""

from collections.abc import Sequence
from typing import Any

from sqlmodel import Session

from services.control_plane.apply.errors import at, named_as_file
from services.control_plane.apply.schemas import DocumentEntry
from services.control_plane.publisher import file_repository
from services.control_plane.publisher.file_models import Document
from services.control_plane.publisher.models import Api
from services.control_plane.publisher.shelf import DocumentShelf, write_of


def read_documents(session: Session, api: Api) -> list[dict[str, Any]]:
    """Return an API's texts and links as a manifest says them."""
    return list(map(entry_of, _find(session, api)))


def entry_of(document: Document) -> dict[str, Any]:
    return DocumentEntry.model_validate(write_of(document).model_dump()).model_dump()


def put_documents(session: Session, shelf: DocumentShelf, api: Api, entries: Sequence[DocumentEntry]) -> None:
    """Let an API have these texts and links, and no others. Raises `InvalidError` where a file has the name of one."""
    wanted = {entry.name: entry for entry in entries}
    for document in _find(session, api):
        if document.name not in wanted:
            shelf.delete(session, document, None)
    known = {document.name: document for document in file_repository.all_documents(session, api.id)}
    for index, entry in enumerate(entries):
        found = known.get(entry.name)
        with at(f"documents.{index}"):
            if found is None:
                shelf.create(session, api, entry)
            elif found.source == "file":
                raise named_as_file()
            elif entry_of(found) != entry.model_dump():
                shelf.replace(session, found, entry, None)


def _find(session: Session, api: Api) -> list[Document]:
    return [row for row in file_repository.all_documents(session, api.id) if row.source != "file"]
