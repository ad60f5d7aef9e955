"""What is blocked, what signs, and who did what."""

from typing import Final

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from sqlmodel import Session

from services.control_plane.blocklist import repository as blocks_repository
from services.control_plane.blocklist.dependencies import Blocks
from services.control_plane.blocklist.projection import read_block
from services.control_plane.blocklist.schemas import BlockWrite
from services.control_plane.identity.audit_router import list_entries
from services.control_plane.identity.dependencies import KnownTotals
from services.control_plane.kit.pagination import PageQuery, Paging
from services.control_plane.kit.preconditions import etag
from services.control_plane.kit.problems import ProblemError
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.oauth.dependencies import Signing
from services.control_plane.oauth.projection import read_signing_key
from services.control_plane.oauth.signing import IssuerService
from services.control_plane.portal.access import Administrator, Operator, Sent
from services.control_plane.portal.fields import Fields, Mistakes, build
from services.control_plane.portal.frame import Frame, PageFrame

router = APIRouter(prefix="/admin", route_class=UnitOfWorkRoute, include_in_schema=False)

_KINDS: Final = (
    ("address", "Address or network"),
    ("user", "User, by name"),
    ("application", "Application, by id"),
    ("api", "API, by id"),
)


@router.get("/blocklist")
def list_blocks(frame: PageFrame, _: Operator, unit: Unit, paging: Paging) -> Response:
    return _show_blocks(frame, unit.session, paging)


@router.post("/blocklist")
def block(frame: PageFrame, _: Operator, sent: Sent, unit: Unit, blocks: Blocks) -> Response:
    try:
        blocks.create(unit.session, build(BlockWrite, {name: sent.text(name) for name in ("kind", "value")}))
    except ProblemError as error:
        unit.close()
        return _show_blocks(frame, unit.session, PageQuery(limit=25), Mistakes.of(error), sent)
    return RedirectResponse("/admin/blocklist?done=blocked", 303)


@router.post("/blocklist/{block_id}/delete")
def unblock(_: Operator, block_id: ResourceId, sent: Sent, unit: Unit, blocks: Blocks) -> Response:
    blocks.delete(unit.session, blocks.get(unit.session, block_id), sent.if_match)
    return RedirectResponse("/admin/blocklist?done=unblocked", 303)


@router.get("/signing-keys")
def list_signing_keys(frame: PageFrame, _: Operator, unit: Unit, signing: Signing) -> Response:
    return _show_signing_keys(frame, unit.session, signing)


@router.post("/signing-keys/rotate")
def rotate(frame: PageFrame, _: Operator, __: Sent, unit: Unit, signing: Signing) -> Response:
    try:
        signing.rotate(unit.session)
    except ProblemError as error:
        unit.close()
        return _show_signing_keys(frame, unit.session, signing, Mistakes.of(error))
    return RedirectResponse("/admin/signing-keys?done=rotated", 303)


@router.post("/signing-keys/{kid}/delete")
def forget(_: Operator, kid: ResourceId, __: Sent, unit: Unit, signing: Signing) -> Response:
    signing.revoke(unit.session, kid)
    return RedirectResponse("/admin/signing-keys?done=deleted", 303)


@router.get("/audit")
def list_audit(frame: PageFrame, caller: Administrator, unit: Unit, totals: KnownTotals, paging: Paging) -> Response:
    return frame.show("admin/audit.html", page=list_entries(caller, unit, totals, paging), q=paging.q or "")


def _show_blocks(
    frame: Frame, session: Session, paging: PageQuery, mistakes: Mistakes | None = None, sent: Fields | None = None
) -> Response:
    rows, total = blocks_repository.list_page(session, paging)
    return frame.show(
        "admin/blocklist.html",
        422 if mistakes else 200,
        items=[read_block(row) for row in rows],
        versions={row.id: etag(row.row_version) for row in rows},
        page={"total": total, "limit": paging.limit, "offset": paging.offset},
        kinds=_KINDS,
        mistakes=mistakes or Mistakes(),
        sent=sent or Fields(),
    )


def _show_signing_keys(
    frame: Frame, session: Session, signing: IssuerService, mistakes: Mistakes | None = None
) -> Response:
    keys = [read_signing_key(key) for key in signing.list_keys(session)]
    status = 409 if mistakes else 200
    return frame.show("admin/signing_keys.html", status, items=keys, mistakes=mistakes or Mistakes())
