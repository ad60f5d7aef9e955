from collections.abc import Sequence

from sqlmodel import Session, col, select

from services.control_plane.oauth.models import OAuthClient, SigningKey


def find_client(session: Session, client_id: str) -> OAuthClient | None:
    return session.get(OAuthClient, client_id)


def get_client(session: Session, client_id: str) -> OAuthClient:
    return session.get_one(OAuthClient, client_id)


def add_client(session: Session, client: OAuthClient) -> None:
    session.add(client)
    session.flush()


def delete_client(session: Session, client_id: str) -> None:
    session.delete(get_client(session, client_id))
    session.flush()


def list_keys(session: Session) -> Sequence[SigningKey]:
    """Return the keys that tokens in use may be signed with, the current one first."""
    in_use = select(SigningKey).where(col(SigningKey.retired_at).is_(None))
    return session.exec(in_use.order_by(col(SigningKey.created_at).desc(), col(SigningKey.id))).all()
