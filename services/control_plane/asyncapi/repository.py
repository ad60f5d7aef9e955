from typing import Any

from sqlmodel import Session

from services.control_plane.asyncapi.models import ApiDocument


def find(session: Session, api_id: str) -> dict[str, Any] | None:
    """Return the document that an API was given, if any."""
    row = session.get(ApiDocument, api_id)
    return None if row is None else row.content


def put(session: Session, api_id: str, content: dict[str, Any]) -> None:
    session.merge(ApiDocument(api_id=api_id, content=content))
    session.flush()


def copy(session: Session, source_id: str, target_id: str) -> None:
    """Give an API the document of another, if that has one."""
    content = find(session, source_id)
    if content is not None:
        put(session, target_id, content)
