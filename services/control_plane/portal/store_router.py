"""The store: what there is to call, and subscribing to it."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import RedirectResponse
from sqlmodel import Session

from services.control_plane.identity.principal import Principal
from services.control_plane.identity.scopes import STORE_SUBSCRIBE
from services.control_plane.kit.pagination import MAX_LIMIT, PageQuery, Paging
from services.control_plane.kit.problems import ProblemError
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.portal.access import Guest, Sent, Subscriber
from services.control_plane.portal.fields import Mistakes, build
from services.control_plane.portal.frame import Frame, PageFrame
from services.control_plane.portal.policies import words_of
from services.control_plane.portal.words import STATES, SUBSCRIPTION_STATES
from services.control_plane.publisher.file_repository import list_documents
from services.control_plane.publisher.schemas import Tag
from services.control_plane.store import repository
from services.control_plane.store.browsing import Storefront
from services.control_plane.store.dependencies import SnippetWriter, Store, Subscriptions
from services.control_plane.store.projection import read_subscription
from services.control_plane.store.schemas import SubscriptionCreate, SubscriptionPatch, SubscriptionRead
from services.control_plane.store.snippets.languages import LANGUAGES
from services.control_plane.store.snippets.writer import Writer

router = APIRouter(route_class=UnitOfWorkRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True)
class StorePage:
    """One API in the store, for one who looks at it."""

    frame: Frame
    store: Storefront
    writer: Writer
    caller: Principal | None

    def show(self, session: Session, api_id: str, mistakes: Mistakes | None = None, status: int = 200) -> Response:
        api, _ = self.store.get_api(session, self.caller, api_id)
        mine = self.caller if self.caller and STORE_SUBSCRIBE in self.caller.scopes else None
        applications = repository.all_applications(session, mine.account_id) if mine else ()
        subscriptions = subscriptions_to(session, mine, api_id) if mine else []
        taken = {subscription.application_id for subscription in subscriptions}
        return self.frame.show(
            "store/api.html",
            status,
            api=api,
            state_words=STATES[api.state],
            policies=words_of(session, "subscription", api.policies),
            names={application.id: application.name for application in applications},
            free=[application for application in applications if application.id not in taken],
            subscriptions=subscriptions,
            subscription_states=SUBSCRIPTION_STATES,
            documents=list_documents(session, api_id, PageQuery(limit=MAX_LIMIT), private=False)[0],
            snippets=[self.writer.write(api, name) for name in LANGUAGES],
            mistakes=mistakes or Mistakes(),
        )


@router.get("/store")
def browse(
    frame: PageFrame,
    caller: Guest,
    unit: Unit,
    store: Store,
    paging: Paging,
    of_tag: Annotated[Tag | None, Query(alias="tag")] = None,
) -> Response:
    return frame.show(
        "store/list.html",
        page=store.list_apis(unit.session, caller, of_tag, paging),
        tags=store.list_tags(unit.session, caller),
        chosen=of_tag,
        q=paging.q or "",
    )


@router.get("/store/apis/{api_id}")
def show_api(
    frame: PageFrame, caller: Guest, api_id: ResourceId, unit: Unit, store: Store, writer: SnippetWriter
) -> Response:
    return StorePage(frame, store, writer, caller).show(unit.session, api_id)


@router.post("/store/apis/{api_id}/subscribe")
def subscribe(
    frame: PageFrame,
    caller: Subscriber,
    api_id: ResourceId,
    sent: Sent,
    unit: Unit,
    store: Store,
    writer: SnippetWriter,
    subscriptions: Subscriptions,
) -> Response:
    values = {"api_id": api_id, "application_id": sent.text("application_id"), "policy": sent.text("policy")}
    try:
        subscriptions.create(unit.session, build(SubscriptionCreate, values), caller)
    except ProblemError as error:
        unit.close()
        return StorePage(frame, store, writer, caller).show(unit.session, api_id, Mistakes.of(error), 422)
    return RedirectResponse(f"/store/apis/{api_id}?done=subscribed", 303)


@router.post("/subscriptions/{subscription_id}/move")
def move(
    caller: Subscriber, subscription_id: ResourceId, sent: Sent, unit: Unit, subscriptions: Subscriptions
) -> Response:
    subscription = subscriptions.get(unit.session, subscription_id, caller.account_id)
    body = build(SubscriptionPatch, {"policy": sent.text("policy")})
    subscriptions.change(unit.session, subscription, body, caller, sent.if_match)
    return RedirectResponse(f"/applications/{subscription.application_id}?done=moved", 303)


@router.post("/subscriptions/{subscription_id}/delete")
def unsubscribe(
    caller: Subscriber, subscription_id: ResourceId, sent: Sent, unit: Unit, subscriptions: Subscriptions
) -> Response:
    subscription = subscriptions.get(unit.session, subscription_id, caller.account_id)
    application_id = subscription.application_id
    subscriptions.delete(unit.session, subscription, sent.if_match)
    return RedirectResponse(f"/applications/{application_id}?done=unsubscribed", 303)


def subscriptions_to(session: Session, caller: Principal, api_id: str) -> list[SubscriptionRead]:
    rows, _ = repository.list_subscriptions(session, caller.account_id, None, api_id, PageQuery(limit=MAX_LIMIT))
    return [read_subscription(row) for row in rows]
