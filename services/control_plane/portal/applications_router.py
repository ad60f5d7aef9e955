"""Applications: what a subscriber's clients are."""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from sqlmodel import Session

from services.control_plane.identity.principal import Principal
from services.control_plane.kit.pagination import MAX_LIMIT, PageQuery, Paging
from services.control_plane.kit.preconditions import etag
from services.control_plane.kit.problems import ProblemError
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.portal.access import Sent, Subscriber
from services.control_plane.portal.fields import Fields, Mistakes, build
from services.control_plane.portal.frame import Frame, PageFrame
from services.control_plane.portal.policies import offers
from services.control_plane.portal.words import SUBSCRIPTION_STATES
from services.control_plane.publisher.models import Api
from services.control_plane.store import repository
from services.control_plane.store.dependencies import Applications, Keys
from services.control_plane.store.keys import KeyService
from services.control_plane.store.models import Application, Subscription
from services.control_plane.store.projection import read_api_key, read_application, read_key, read_subscription
from services.control_plane.store.schemas import ApplicationWrite

router = APIRouter(prefix="/applications", route_class=UnitOfWorkRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True)
class ApplicationPage:
    """One application, with all that its owner does with it."""

    frame: Frame
    keys: KeyService
    caller: Principal

    def show(
        self,
        session: Session,
        application: Application,
        mistakes: Mistakes | None = None,
        status: int = 200,
        **more: Any,
    ) -> Response:
        rows = repository.list_keys(session, application.id)
        return self.frame.show(
            "applications/one.html",
            status,
            application=read_application(application),
            if_match=etag(application.row_version),
            keys={row.key_type: read_key(row, self.keys.client_of(session, row)) for row in rows},
            key_versions={row.key_type: etag(row.row_version) for row in rows},
            api_keys=[
                (read_api_key(row), etag(row.row_version)) for row in repository.all_api_keys(session, application.id)
            ],
            subscriptions=self._subscriptions(session, application.id),
            subscription_states=SUBSCRIPTION_STATES,
            policies=offers(session, "application"),
            mistakes=mistakes or Mistakes(),
            **{"secret": None, "token": None, "shown_type": None, "api_key": None, "sent": Fields(), **more},
        )

    def _subscriptions(self, session: Session, application_id: str) -> list[dict[str, Any]]:
        query = PageQuery(limit=MAX_LIMIT)
        rows, _ = repository.list_subscriptions(session, self.caller.account_id, application_id, None, query)
        return [_with_api(row, session.get_one(Api, row.api_id)) for row in rows]


@router.get("")
def list_applications(frame: PageFrame, caller: Subscriber, unit: Unit, paging: Paging) -> Response:
    rows, total = repository.list_applications(unit.session, caller.account_id, paging)
    page = {"total": total, "limit": paging.limit, "offset": paging.offset}
    counts = {row.id: len(repository.subscriptions_of(unit.session, row.id)) for row in rows}
    return frame.show("applications/list.html", items=[read_application(row) for row in rows], page=page, counts=counts)


@router.get("/new")
def show_new(frame: PageFrame, _: Subscriber, unit: Unit) -> Response:
    return _show_new(frame, unit.session, Fields(), Mistakes())


@router.post("/new")
def create(frame: PageFrame, caller: Subscriber, sent: Sent, unit: Unit, applications: Applications) -> Response:
    try:
        made = applications.create(unit.session, _read(sent), caller.account_id)
    except ProblemError as error:
        unit.close()
        return _show_new(frame, unit.session, sent, Mistakes.of(error), 422)
    return RedirectResponse(f"/applications/{made.id}?done={'asked' if made.approval else 'application'}", 303)


@router.get("/{application_id}")
def show(
    frame: PageFrame, caller: Subscriber, application_id: ResourceId, unit: Unit, applications: Applications, keys: Keys
) -> Response:
    application = applications.get(unit.session, application_id, caller.account_id)
    return ApplicationPage(frame, keys, caller).show(unit.session, application)


@router.post("/{application_id}")
def save(
    frame: PageFrame,
    caller: Subscriber,
    application_id: ResourceId,
    sent: Sent,
    unit: Unit,
    applications: Applications,
    keys: Keys,
) -> Response:
    try:
        application = applications.get(unit.session, application_id, caller.account_id)
        applications.replace(unit.session, application, _read(sent), sent.if_match)
    except ProblemError as error:
        unit.close()
        application = applications.get(unit.session, application_id, caller.account_id)
        return ApplicationPage(frame, keys, caller).show(unit.session, application, Mistakes.of(error), 422)
    return RedirectResponse(f"/applications/{application_id}?done=saved", 303)


@router.post("/{application_id}/delete")
def delete(
    caller: Subscriber, application_id: ResourceId, sent: Sent, unit: Unit, applications: Applications
) -> Response:
    application = applications.get(unit.session, application_id, caller.account_id)
    applications.delete(unit.session, application, sent.if_match)
    return RedirectResponse("/applications?done=application_deleted", 303)


def _read(sent: Fields) -> ApplicationWrite:
    values = {name: sent.text(name) for name in ("name", "description", "policy")}
    return build(ApplicationWrite, values)


def _show_new(frame: Frame, session: Session, sent: Fields, mistakes: Mistakes, status: int = 200) -> Response:
    policies = offers(session, "application")
    return frame.show("applications/new.html", status, sent=sent, mistakes=mistakes, policies=policies)


def _with_api(row: Subscription, api: Api) -> dict[str, Any]:
    """Return a subscription with what its row on a page says of the API."""
    offered = sorted(link.name for link in api.policies)
    said = {"api": api.name, "version": api.version, "offered": offered, "etag": etag(row.row_version)}
    return {**read_subscription(row).model_dump(), **said}
