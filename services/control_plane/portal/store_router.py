"""The store: what there is to call, and subscribing to it."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import RedirectResponse
from sqlmodel import Session

from services.control_plane.identity.principal import Principal
from services.control_plane.identity.scopes import PUBLISHER_WRITE, STORE_SUBSCRIBE
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
from services.control_plane.publisher.models import Api
from services.control_plane.publisher.repository import is_own
from services.control_plane.publisher.schemas import Tag
from services.control_plane.store import repository
from services.control_plane.store.browsing import Storefront
from services.control_plane.store.dependencies import Feedback, SnippetWriter, Store, Subscriptions
from services.control_plane.store.feedback import FeedbackService
from services.control_plane.store.projection import read_subscription
from services.control_plane.store.schemas import SubscriptionCreate, SubscriptionPatch, SubscriptionRead
from services.control_plane.store.snippets.languages import LANGUAGES
from services.control_plane.store.snippets.writer import Writer
from services.control_plane.workflow.notice_repository import count_unread

router = APIRouter(route_class=UnitOfWorkRoute, include_in_schema=False)

_COMMENTS: Final = 20


@dataclass(frozen=True, slots=True)
class StorePage:
    """One API in the store, for one who looks at it."""

    frame: Frame
    store: Storefront
    writer: Writer
    feedback: FeedbackService
    caller: Principal | None

    def show(self, session: Session, api_id: str, mistakes: Mistakes | None = None, status: int = 200) -> Response:
        row = self.store.find(session, self.caller, api_id)
        api = self.store.describe(session, row)
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
            **self._heard(session, row, mine),
        )

    def _heard(self, session: Session, api: Api, mine: Principal | None) -> dict[str, Any]:
        """Return what people say of the API, and what of it is the caller's."""
        caller = self.caller
        return {
            "comments": self.feedback.list_comments(session, api, caller, PageQuery(limit=_COMMENTS)),
            "stars": self.feedback.find_stars(session, api, mine) if mine else None,
            "manages": caller is not None and PUBLISHER_WRITE in caller.scopes and is_own(session, api.id, caller),
        }


async def _store_page(
    frame: PageFrame, caller: Guest, store: Store, writer: SnippetWriter, feedback: Feedback
) -> StorePage:
    return StorePage(frame, store, writer, feedback, caller)


StoreViews = Annotated[StorePage, Depends(_store_page)]


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
        unread=count_unread(unit.session, caller) if caller and STORE_SUBSCRIBE in caller.scopes else None,
    )


@router.get("/store/apis/{api_id}")
def show_api(api_id: ResourceId, unit: Unit, views: StoreViews) -> Response:
    return views.show(unit.session, api_id)


@router.post("/store/apis/{api_id}/subscribe")
def subscribe(
    caller: Subscriber, api_id: ResourceId, sent: Sent, unit: Unit, views: StoreViews, subscriptions: Subscriptions
) -> Response:
    values = {"api_id": api_id, "application_id": sent.text("application_id"), "policy": sent.text("policy")}
    try:
        made = subscriptions.create(unit.session, build(SubscriptionCreate, values), caller)
    except ProblemError as error:
        unit.close()
        return views.show(unit.session, api_id, Mistakes.of(error), 422)
    return RedirectResponse(f"/store/apis/{api_id}?done={'asked' if made.approval else 'subscribed'}", 303)


@router.post("/subscriptions/{subscription_id}/move")
def move(
    caller: Subscriber, subscription_id: ResourceId, sent: Sent, unit: Unit, subscriptions: Subscriptions
) -> Response:
    subscription = subscriptions.get(unit.session, subscription_id, caller.account_id)
    body = build(SubscriptionPatch, {"policy": sent.text("policy")})
    subscriptions.change(unit.session, subscription, body, caller, sent.if_match)
    done = "asked" if subscription.approval or subscription.pending_policy else "moved"
    return RedirectResponse(f"/applications/{subscription.application_id}?done={done}", 303)


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
