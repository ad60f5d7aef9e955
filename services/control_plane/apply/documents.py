"""What APIs have beside their fields: an AsyncAPI document, documents for readers, a picture.

Changes tell of what is long by its digest alone.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from sqlmodel import Session

from services.control_plane.apply.errors import at
from services.control_plane.apply.schemas import DocumentEntry
from services.control_plane.asyncapi import repository as asyncapi_repository
from services.control_plane.kit.data_urls import read_data_url, write_data_url
from services.control_plane.kit.files import BINARY
from services.control_plane.publisher import file_repository
from services.control_plane.publisher.file_models import Document
from services.control_plane.publisher.models import Api
from services.control_plane.publisher.shelf import DocumentShelf, write_of


def digest_asyncapi(session: Session, api: Api) -> str | None:
    """Return what tells an API's AsyncAPI document from others."""
    given = asyncapi_repository.find(session, api.id)
    return None if given is None else _digest(json.dumps(given, sort_keys=True).encode())


def digest_thumbnail(session: Session, api: Api) -> str | None:
    content = file_repository.find_thumbnail(session, api.id)
    return None if content is None else _digest(content)


def entry_of(document: Document, content: bytes | None) -> dict[str, Any]:
    """Return a document, and the file that is to be told of it, as a manifest says them."""
    file = {} if content is None else {"file": write_data_url(content, BINARY), "file_name": document.file_name}
    return DocumentEntry.model_validate(write_of(document).model_dump() | file).model_dump()


def read_documents(session: Session, api: Api) -> list[dict[str, Any]]:
    """Return an API's documents as a manifest says them, with digests of files."""
    return [
        entry_of(document, None) | {"file": _digest_file(session, document), "file_name": document.file_name}
        for document in file_repository.all_documents(session, api.id)
    ]


def put_documents(session: Session, shelf: DocumentShelf, api: Api, entries: Sequence[DocumentEntry]) -> None:
    """Let an API have these documents, and no others."""
    wanted = {entry.name for entry in entries}
    known = {document.name: document for document in file_repository.all_documents(session, api.id)}
    for name, document in known.items():
        if name not in wanted:
            shelf.delete(session, document, None)
    for index, entry in enumerate(entries):
        with at(f"documents.{index}"):
            _put_document(session, shelf, api, known.get(entry.name), entry)


def _put_document(
    session: Session, shelf: DocumentShelf, api: Api, document: Document | None, entry: DocumentEntry
) -> None:
    if document is None:
        document = shelf.create(session, api, entry.body())
    elif write_of(document) != entry.body():
        shelf.replace(session, document, entry.body(), None)
    if entry.file is not None and entry.file_name is not None:
        content = read_data_url(entry.file)
        if (_digest(content), entry.file_name) != (_digest_file(session, document), document.file_name):
            shelf.put_file(session, document, entry.file_name, content, None)


def _digest_file(session: Session, document: Document) -> str | None:
    content = file_repository.find_file(session, document.id) if document.file_name is not None else None
    return None if content is None else _digest(content)


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
