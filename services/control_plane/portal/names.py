"""Ids to what people call them."""

from collections.abc import Collection

from sqlmodel import Session

from services.control_plane.identity.models import Account


def names_of(session: Session, ids: Collection[str]) -> dict[str, str]:
    """Return what accounts are called; what is no account, or gone, keeps its id."""
    found = {id_: session.get(Account, id_) for id_ in ids}
    return {id_: account.name if account else id_ for id_, account in found.items()}
