"""A page for whoever wants to change what somebody else changed meanwhile: who did it, when, and what."""

from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlmodel import Session, col, select

from services.control_plane.identity import repository
from services.control_plane.kit.audit import SYSTEM, AuditEntry
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.provide import obtain
from services.control_plane.kit.unit_of_work import Collaborators, UnitOfWork
from services.control_plane.portal.frame import content_policy, render

_MEANWHILE: Final = timedelta(days=1)
"""A page that is older asks for a new look anyhow: so far back the audit is searched."""

Change = tuple[AuditEntry, str]


async def conflict_page(request: Request, etag: str | None) -> Response:
    """Return the answer to a button of a page that is too old: 412, and nothing is done."""
    change = await run_in_threadpool(_find, request)
    before = urlsplit(request.headers.get("referer", ""))
    place = before.path if before.netloc == request.headers.get("host") else "/"
    policy = content_policy(form_action="'none'")
    page = render("conflict.html", 412, policy, change=change, place=place or "/")
    if etag:
        page.headers["ETag"] = etag
    return page


def _find(request: Request) -> Change | None:
    """Return what was done last to what the path names, and by whom."""
    names = [str(value) for value in request.path_params.values()]
    its = obtain(request, Collaborators)
    unit: UnitOfWork = request.state.unit_of_work
    with its.database.reading(unit.organisation) as session:
        return find_change(session, {"/".join(names), *names[-1:]}, its.clock)


def find_change(session: Session, targets: set[str], clock: Clock) -> Change | None:
    recent = select(AuditEntry).where(AuditEntry.at >= clock() - _MEANWHILE, col(AuditEntry.target_id).in_(targets))
    entry = session.exec(recent.order_by(col(AuditEntry.id).desc()).limit(1)).first()
    if entry is None:
        return None
    name = repository.names_of(session, {entry.actor}).get(entry.actor, "somebody who is gone")
    return entry, "Framegate itself" if entry.actor == SYSTEM else name
