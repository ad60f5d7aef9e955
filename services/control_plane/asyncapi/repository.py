from collections.abc import Sequence
from typing import Any

from sqlalchemy import Text, cast, func
from sqlmodel import Session, col, select

from services.control_plane.asyncapi.models import ApiDocument


def find(session: Session, api_id: str) -> dict[str, Any] | None:
    """Return the document that an API was given, if any."""
    row = session.get(ApiDocument, api_id)
    return None if row is None else row.content


def find_all(session: Session, api_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the documents that APIs were given, by API."""
    found = select(ApiDocument).where(col(ApiDocument.api_id).in_(api_ids))
    return {row.api_id: row.content for row in session.exec(found)}


def count_characters(session: Session, api_ids: Sequence[str]) -> int:
    """Return how long the documents of APIs are together."""
    lengths = select(func.sum(func.length(cast(ApiDocument.content, Text))))
    return session.exec(lengths.where(col(ApiDocument.api_id).in_(api_ids))).one() or 0


def put(session: Session, api_id: str, content: dict[str, Any]) -> None:
    session.merge(ApiDocument(api_id=api_id, content=content))
    session.flush()


def copy(session: Session, source_id: str, target_id: str) -> None:
    """Give an API the document of another, if that has one."""
    content = find(session, source_id)
    if content is not None:
        put(session, target_id, content)
