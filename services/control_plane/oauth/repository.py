import hashlib
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, update
from sqlmodel import Session, col, select

from services.control_plane.kit.rows import insert_new
from services.control_plane.oauth.models import KeyPurpose, OAuthClient, SigningKey, UsedAssertion


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
    """Return the keys that tokens and assertions in use are or will be signed with, the newest first."""
    return session.exec(select(SigningKey).order_by(col(SigningKey.created_at).desc(), col(SigningKey.id))).all()


def keys_for(purpose: KeyPurpose, keys: Sequence[SigningKey]) -> Sequence[SigningKey]:
    return [key for key in keys if key.purpose == purpose]


def find_key(session: Session, kid: str) -> SigningKey | None:
    return session.get(SigningKey, kid)


def current_key(keys: Sequence[SigningKey]) -> SigningKey | None:
    return next((key for key in keys if key.activated_at and not key.retired_at), None)


def next_key(keys: Sequence[SigningKey]) -> SigningKey | None:
    return next((key for key in keys if not key.activated_at), None)


def longest_validity(session: Session) -> int:
    """Return for how long any client's tokens are valid at most."""
    return session.exec(select(func.max(OAuthClient.token_validity_seconds))).one() or 0


def note_validity(session: Session, seconds: int) -> None:
    """Write down that tokens may be valid for so long from now on: so long their key must be kept."""
    keys = update(SigningKey).where(
        col(SigningKey.purpose) == "token",
        col(SigningKey.retired_at).is_(None),
        col(SigningKey.longest_validity_seconds) < seconds,
    )
    session.execute(keys.values(longest_validity_seconds=seconds), execution_options={"synchronize_session": False})


def delete_expired_keys(session: Session, now: datetime) -> bool:
    """Forget the keys whose last token has expired, and tell whether there were any."""
    expired = delete(SigningKey).where(col(SigningKey.expires_at) <= now)
    return bool(session.execute(expired.returning(col(SigningKey.id))).all())


def use_once(session: Session, name: str, expires_at: datetime) -> bool:
    """Write down that something was used, and tell whether it was the first time."""
    return insert_new(session, UsedAssertion, id=hashlib.sha256(name.encode()).hexdigest(), expires_at=expires_at)
