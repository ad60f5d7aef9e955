"""Thousands of APIs and subscriptions in a control plane's database, as its services would have left them there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlmodel import select

from benchmarks.harness.machine import now
from services.control_plane import tables  # noqa: F401 - the rows refer to tables of every domain
from services.control_plane.catalogue import outbox
from services.control_plane.identity.models import Account
from services.control_plane.kit.database import Database
from services.control_plane.publisher.models import Api, ApiPolicy
from services.control_plane.publisher.projection import define_api
from services.control_plane.store.models import Application, Subscription
from services.control_plane.store.projection import define_application, define_subscription
from shared.contract import Contract
from shared.definition import Auth, Endpoint, Endpoints, MessageSizes

Row = TypeVar("Row", Api, Application, Subscription)

_BATCH = 500
_POLICY = "subscription/Gold"


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many there are. Each application has subscriptions to `subscriptions / applications` APIs."""

    apis: int
    applications: int
    subscriptions: int


def seed(database: Database, crowd: Crowd, backend_url: str) -> None:
    """Write them, and tell the pods of each by the outbox."""
    with database.reading() as session:
        owner = session.exec(select(Account).where(Account.kind == "service")).first()
    if owner is None:
        raise LookupError("no service account owns the crowd")
    each = crowd.subscriptions // crowd.applications
    _write(database, "api", [_api(number, owner.id, backend_url) for number in range(crowd.apis)], define_api)
    applications = [_application(number, owner.id) for number in range(crowd.applications)]
    _write(database, "application", applications, lambda row: define_application(row, owner))
    subscriptions = [
        _subscription(number, (number * each + index) % crowd.apis)
        for number in range(crowd.applications)
        for index in range(each)
    ]
    _write(database, "subscription", subscriptions, define_subscription)


def _write(database: Database, kind: str, rows: Sequence[Row], define: Callable[[Row], Contract | None]) -> None:
    for start in range(0, len(rows), _BATCH):
        with database.writing() as session:
            for row in rows[start : start + _BATCH]:
                session.add(row)
                outbox.record(session, kind, row.id, define(row), now())


def _api(number: int, owner_id: str, backend_url: str) -> Api:
    context, id_ = f"/crowd/{number}", f"api-{number}"
    return Api(
        id=id_,
        name=f"Crowd{number}",
        context=context,
        version="1.0",
        context_key=context,
        route_key=f"{context}/1.0",
        state="PUBLISHED",
        endpoints=Endpoints(production=Endpoint(urls=(backend_url,))),
        auth=Auth(),
        max_message_bytes=MessageSizes(),
        owner=owner_id,
        policies=[ApiPolicy(api_id=id_, policy_id=_POLICY)],
        created_at=now(),
        updated_at=now(),
    )


def _application(number: int, owner_id: str) -> Application:
    return Application(
        id=f"application-{number}",
        owner_id=owner_id,
        name=f"Crowd{number}",
        policy_id="application/Unlimited",
        created_at=now(),
        updated_at=now(),
    )


def _subscription(application: int, api: int) -> Subscription:
    return Subscription(
        id=f"subscription-{application}-{api}",
        application_id=f"application-{application}",
        api_id=f"api-{api}",
        policy_id=_POLICY,
        created_at=now(),
        updated_at=now(),
    )
