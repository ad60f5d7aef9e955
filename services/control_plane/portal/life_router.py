"""An API's life as its publisher sees it: states, versions, subscriptions."""

from collections.abc import Sequence
from typing import Any, Final

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from sqlmodel import Session

from services.control_plane.identity import repository as identity_repository
from services.control_plane.identity.principal import Principal
from services.control_plane.kit.pagination import PageQuery, Paging
from services.control_plane.kit.preconditions import etag
from services.control_plane.kit.problems import ProblemError
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.portal.access import Creator, Publisher, Reader, Sent
from services.control_plane.portal.fields import Fields, Mistakes, build
from services.control_plane.portal.frame import Frame, PageFrame
from services.control_plane.portal.lifecycle_picture import HEIGHT, WIDTH, draw_edges, draw_nodes
from services.control_plane.portal.words import STATES, SUBSCRIPTION_STATES
from services.control_plane.publisher import repository
from services.control_plane.publisher.dependencies import Apis
from services.control_plane.publisher.models import Api
from services.control_plane.publisher.projection import read_api, read_lifecycle
from services.control_plane.publisher.publishing import Publishing
from services.control_plane.publisher.schemas import LifecycleChange, VersionCreate
from services.control_plane.store import repository as store_repository
from services.control_plane.store.dependencies import Mover, Subscriptions
from services.control_plane.store.models import Subscription
from services.control_plane.store.projection import gateway_urls, read_subscription
from services.control_plane.store.schemas import SubscriptionBlock, SubscriptionsMove

router = APIRouter(prefix="/publisher", route_class=UnitOfWorkRoute, include_in_schema=False)

_CONSEQUENCES: Final = {
    "publish": "Subscribers can connect, and the store shows it.",
    "prototype": "Any application's token may connect, without a subscription.",
    "unblock": "Subscribers can connect again.",
    "block": "All open connections are closed and new ones refused, until it is unblocked.",
    "deprecate": "Nobody new can subscribe. It can't be published again: only retired.",
    "retire": "All open connections are closed, and it is gone for good. It can't be published again.",
    "demote": "All open connections are closed, and it leaves the store.",
}
_HARMLESS: Final = frozenset({"publish", "prototype", "unblock"})


@router.get("/apis/{api_id}")
def show(frame: PageFrame, caller: Reader, api_id: ResourceId, unit: Unit, apis: Apis) -> Response:
    return show_overview(frame, unit.session, caller, apis.get(unit.session, api_id, caller))


@router.get("/apis/{api_id}/lifecycle")
def show_life(frame: PageFrame, caller: Reader, api_id: ResourceId, unit: Unit, apis: Apis) -> Response:
    return _show_life(frame, unit.session, caller, apis.get(unit.session, api_id, caller))


@router.post("/apis/{api_id}/lifecycle")
def change_life(
    frame: PageFrame, caller: Publisher, api_id: ResourceId, sent: Sent, unit: Unit, apis: Apis
) -> Response:
    try:
        change = build(LifecycleChange, _read_change(sent))
        publishing = Publishing(not change.require_resubscription, change.deprecate_older_versions)
        api = apis.get(unit.session, api_id, caller)
        apis.change_state(unit.session, api, change.action, caller, sent.if_match, publishing)
        done = "asked" if api.pending_action else change.action
    except ProblemError as error:
        unit.close()
        api = apis.get(unit.session, api_id, caller)
        return _show_life(frame, unit.session, caller, api, Mistakes.of_button(error), sent)
    return RedirectResponse(f"/publisher/apis/{api_id}/lifecycle?done={done}", 303)


@router.post("/apis/{api_id}/lifecycle/withdraw")
def withdraw(caller: Publisher, api_id: ResourceId, sent: Sent, unit: Unit, apis: Apis) -> Response:
    apis.withdraw(unit.session, apis.get(unit.session, api_id, caller), sent.if_match)
    return RedirectResponse(f"/publisher/apis/{api_id}/lifecycle?done=withdrawn", 303)


@router.post("/apis/{api_id}/versions")
def copy(frame: PageFrame, caller: Creator, api_id: ResourceId, sent: Sent, unit: Unit, apis: Apis) -> Response:
    try:
        body = build(VersionCreate, {"version": sent.text("version"), "default": sent.on("default")})
        made = apis.copy(unit.session, apis.get(unit.session, api_id, caller), body, caller)
    except ProblemError as error:
        unit.close()
        return show_overview(frame, unit.session, caller, apis.get(unit.session, api_id, caller), Mistakes.of(error))
    return RedirectResponse(f"/publisher/apis/{made.id}?done=version", 303)


@router.post("/apis/{api_id}/delete")
def delete(frame: PageFrame, caller: Creator, api_id: ResourceId, sent: Sent, unit: Unit, apis: Apis) -> Response:
    try:
        apis.delete(unit.session, apis.get(unit.session, api_id, caller), sent.if_match)
    except ProblemError as error:
        unit.close()
        api = apis.get(unit.session, api_id, caller)
        return show_overview(frame, unit.session, caller, api, Mistakes.of_button(error))
    return RedirectResponse("/publisher?done=deleted", 303)


@router.get("/apis/{api_id}/subscriptions")
def show_subscriptions(
    frame: PageFrame, caller: Reader, api_id: ResourceId, unit: Unit, apis: Apis, paging: Paging
) -> Response:
    return _show_subscriptions(frame, unit.session, caller, apis.get(unit.session, api_id, caller), paging)


@router.post("/apis/{api_id}/subscriptions/move")
def move_subscriptions(
    frame: PageFrame,
    caller: Creator,
    api_id: ResourceId,
    sent: Sent,
    unit: Unit,
    apis: Apis,
    mover: Mover,
    paging: Paging,
) -> Response:
    try:
        body = build(SubscriptionsMove, {"to": sent.text("to")})
        mover.move(unit.session, apis.get(unit.session, api_id, caller), body.to, caller)
    except ProblemError as error:
        unit.close()
        api = apis.get(unit.session, api_id, caller)
        return _show_subscriptions(frame, unit.session, caller, api, paging, Mistakes.of(error))
    return RedirectResponse(f"/publisher/apis/{body.to}/subscriptions?done=all_moved", 303)


@router.post("/subscriptions/{subscription_id}/block")
def block(
    caller: Creator, subscription_id: ResourceId, sent: Sent, unit: Unit, subscriptions: Subscriptions
) -> Response:
    subscription = subscriptions.get_published(unit.session, subscription_id, caller)
    body = build(SubscriptionBlock, {"scope": sent.text("scope") or "all"})
    subscriptions.block(unit.session, subscription, body.scope)
    return _back(subscription, "subscription_blocked")


@router.post("/subscriptions/{subscription_id}/unblock")
def unblock(
    caller: Creator, subscription_id: ResourceId, _: Sent, unit: Unit, subscriptions: Subscriptions
) -> Response:
    subscription = subscriptions.get_published(unit.session, subscription_id, caller)
    subscriptions.unblock(unit.session, subscription)
    return _back(subscription, "subscription_unblocked")


def _back(subscription: Subscription, done: str) -> Response:
    return RedirectResponse(f"/publisher/apis/{subscription.api_id}/subscriptions?done={done}", 303)


def show_overview(
    frame: Frame, session: Session, caller: Principal, api: Api, mistakes: Mistakes | None = None
) -> Response:
    _, subscribed = store_repository.subscriptions_to(session, api.id, PageQuery(limit=1))
    return frame.show(
        "publisher/one.html",
        422 if mistakes else 200,
        api=read_api(api),
        version=etag(api.row_version),
        paths=gateway_urls(api, [""]),
        state_words=STATES[api.state],
        subscribed=subscribed,
        versions=repository.list_versions(session, api.context_key, caller),
        mistakes=mistakes or Mistakes(),
    )


def _show_subscriptions(
    frame: Frame,
    session: Session,
    caller: Principal,
    api: Api,
    paging: PageQuery,
    mistakes: Mistakes | None = None,
) -> Response:
    rows, total = store_repository.subscriptions_to(session, api.id, paging)
    versions = repository.list_versions(session, api.context_key, caller)
    return frame.show(
        "publisher/subscriptions.html",
        422 if mistakes else 200,
        api=read_api(api),
        items=_with_applications(session, rows),
        page={"total": total, "limit": paging.limit, "offset": paging.offset},
        subscription_states=SUBSCRIPTION_STATES,
        others=[(row.id, row.version) for row in versions if row.id != api.id and row.state == "PUBLISHED"],
        mistakes=mistakes or Mistakes(),
    )


def _read_change(sent: Fields) -> dict[str, Any]:
    """Return what a form asks for. A box that is not ticked is not sent."""
    action = sent.text("action")
    boxes = ("require_resubscription", "deprecate_older_versions") if action == "publish" else ()
    return {"action": action, **{name: sent.on(name) for name in boxes}}


def _show_life(
    frame: Frame,
    session: Session,
    caller: Principal,
    api: Api,
    mistakes: Mistakes | None = None,
    sent: Fields | None = None,
) -> Response:
    _, subscribed = store_repository.subscriptions_to(session, api.id, PageQuery(limit=1))
    life = read_lifecycle(api, repository.list_events(session, api.id))
    return frame.show(
        "publisher/lifecycle.html",
        422 if mistakes else 200,
        api=read_api(api),
        version=etag(api.row_version),
        life=life,
        actors=identity_repository.names_of(session, {event.actor for event in life.history}),
        state_words=STATES,
        consequences=_CONSEQUENCES,
        harmless=_HARMLESS,
        subscribed=subscribed,
        older=[version.version for version in repository.list_older(session, api, caller)],
        sent=sent,
        nodes=draw_nodes(life.state),
        edges=draw_edges(),
        size=(WIDTH, HEIGHT),
        mistakes=mistakes or Mistakes(),
    )


def _with_applications(session: Session, rows: Sequence[Subscription]) -> list[dict[str, Any]]:
    """Return subscriptions with whose they are."""
    applications = store_repository.find_applications(session, {row.application_id for row in rows})
    owners = identity_repository.names_of(session, {row.owner_id for row in applications.values()})
    return [
        {**read_subscription(row).model_dump(), "application": found.name, "owner": owners[found.owner_id]}
        for row in rows
        for found in [applications[row.application_id]]
    ]
