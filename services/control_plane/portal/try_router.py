"""Trying an API in the browser: through the real gateway, with a ticket."""

from collections.abc import Iterator
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request, Response
from sqlmodel import Session

from services.control_plane.asyncapi.dependencies import Documents
from services.control_plane.identity.principal import Principal
from services.control_plane.kit.pagination import MAX_LIMIT, PageQuery
from services.control_plane.kit.routing import ReadingRoute
from services.control_plane.kit.text import Id, ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.portal.access import Sent, Subscriber
from services.control_plane.portal.asyncapi_view import templates
from services.control_plane.portal.fields import build
from services.control_plane.portal.frame import PageFrame
from services.control_plane.portal.words import close_words, describe_left
from services.control_plane.store import repository
from services.control_plane.store.dependencies import Applications, Quotas, Store, Tickets
from services.control_plane.store.schemas import StoreApiRead, TicketCreate
from shared.origins import is_allowed
from shared.tickets import SECONDS

router = APIRouter(prefix="/store/apis/{api_id}", route_class=ReadingRoute, include_in_schema=False)

_BLOCKED: Final = {
    "BLOCKED": "The subscription is blocked by the API's publisher.",
    "PROD_ONLY_BLOCKED": "The subscription is blocked in production; the sandbox still answers.",
}


@router.get("/try")
def show(
    request: Request,
    frame: PageFrame,
    caller: Subscriber,
    api_id: ResourceId,
    unit: Unit,
    store: Store,
    documents: Documents,
    application: Annotated[Id | None, Query()] = None,
) -> Response:
    api, _ = store.get_api(unit.session, caller, api_id)
    document = documents.show(unit.session, store.find(unit.session, caller, api_id))
    states = _states(unit.session, caller, api_id)
    mine = repository.all_applications(unit.session, caller.account_id)
    chosen = application or next(iter(states), None)
    return frame.show(
        "store/try.html",
        connect=sorted({_origin(url) for url in api.gateway_urls}),
        api=api,
        applications=mine,
        chosen=chosen,
        obstacles=list(_obstacles(unit.session, api, request, states.get(chosen or ""))),
        words=close_words(),
        templates=[each._asdict() for each in templates(document)],
    )


@router.get("/quota")
def read_quota(
    caller: Subscriber, api_id: ResourceId, application: Id, unit: Unit, applications: Applications, quotas: Quotas
) -> dict[str, list[dict[str, Any]]]:
    """Answer what is left of the limits that hold an application at an API, in words."""
    listed = quotas.list_quotas(unit.session, applications.get(unit.session, application, caller.account_id))
    unit.release()  # no transaction waits for the network
    here = quotas.read([quota for quota in listed if quota.subject.get("api_id", api_id) == api_id])
    return {"items": [{"words": describe_left(item), "left": item.left, "amount": item.amount} for item in here]}


@router.post("/ticket")
def make_ticket(
    request: Request,
    caller: Subscriber,
    api_id: ResourceId,
    sent: Sent,
    unit: Unit,
    store: Store,
    applications: Applications,
    tickets: Tickets,
) -> dict[str, Any]:
    """Answer a ticket for one connection, and what will keep it from opening: a browser is not told afterwards."""
    values = {"api_id": api_id, "application_id": sent.text("application_id"), "key_type": sent.text("key_type")}
    body = build(TicketCreate, values)
    application = applications.get(unit.session, body.application_id or "", caller.account_id)
    api, _ = store.get_api(unit.session, caller, api_id)
    state = _states(unit.session, caller, api_id).get(application.id)
    ticket = tickets.grant_owner(unit.session, application, body.key_type or "PRODUCTION", api_id, caller.roles)
    obstacles = list(_obstacles(unit.session, api, request, state))
    unit.release()  # no transaction waits for the network
    return {"ticket": tickets.keep(ticket), "expires_in": SECONDS, "obstacles": obstacles}


def _states(session: Session, caller: Principal, api_id: str) -> dict[str, str]:
    """Return what one's own applications are to an API."""
    rows, _ = repository.list_subscriptions(session, caller.account_id, None, api_id, PageQuery(limit=MAX_LIMIT))
    return {row.application_id: row.state for row in rows}


def _obstacles(session: Session, api: StoreApiRead, request: Request, state: str | None) -> Iterator[str]:
    needs_subscription = api.state != "PROTOTYPED" and "none" not in api.auth_types
    if state is None and needs_subscription:
        yield "This application is not subscribed to the API: subscribe it first."
    elif state in _BLOCKED and needs_subscription:
        yield _BLOCKED[state]
    origin = request.headers.get("origin") or f"{request.url.scheme}://{request.headers.get('host', '')}"
    if not is_allowed(origin, repository.origins_of(session, api.id)):
        yield f"The API takes no connections from pages at {origin}: its publisher must add that to the origins."


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
