"""Changes for the pods, written in the transaction of the change itself."""

from datetime import datetime
from typing import Final
from uuid import uuid4

from sqlalchemy import event
from sqlalchemy.orm import Session as AnySession
from sqlmodel import Session

from services.control_plane.catalogue import repository
from services.control_plane.catalogue.models import CatalogueObject, CatalogueState, OutboxEntry
from shared.catalogue import KINDS, digest_change
from shared.contract import Contract

_PENDING: Final = "framegate_catalogue"


def prepare(session: Session) -> None:
    """Make the state row of a new database."""
    if repository.find_state(session) is None:
        session.add(CatalogueState(epoch=new_epoch()))
        session.flush()


def new_epoch() -> str:
    return uuid4().hex


def record(session: Session, kind: str, id_: str, contract: Contract | None, now: datetime) -> None:
    """Tell the pods what an object is from now on; None where it is no more.

    It is written when the transaction commits: the state row is the last lock that is taken, and the shortest held.
    """
    if contract is not None and type(contract) is not KINDS[kind]:
        raise TypeError(f"{kind} objects are {KINDS[kind].__name__}, not {type(contract).__name__}")
    pending = session.info.get(_PENDING)
    if pending is None:
        pending = session.info[_PENDING] = {}
        event.listen(session, "before_commit", _write)
    pending[kind, id_] = (None if contract is None else contract.model_dump_json(), now)


def has_changed(session: AnySession) -> bool:
    """Tell whether a session wrote to the outbox."""
    return _PENDING in session.info


def _write(session: Session) -> None:
    session.flush()
    state = repository.lock_state(session)
    pending = session.info[_PENDING]
    state.api_edits += any(kind == "api" for kind, _ in pending)
    known = repository.find_objects(session, list(pending))
    for (kind, id_), (body, now) in pending.items():
        current = known.get((kind, id_))
        before = current.body if current else None
        if body == before:
            continue
        state.revision += 1
        state.digest = digest_change(state.digest, kind, id_, before, body)
        entry = OutboxEntry(revision=state.revision, kind=kind, id=id_, body=body, digest=state.digest, created_at=now)
        session.add(entry)
        _replace(session, current, kind, id_, body)


def _replace(session: Session, current: CatalogueObject | None, kind: str, id_: str, body: str | None) -> None:
    if current is None and body is not None:
        session.add(CatalogueObject(kind=kind, id=id_, body=body))
    elif current is not None and body is not None:
        current.body = body
    elif current is not None:
        session.delete(current)
