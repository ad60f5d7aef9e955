"""Rows of each kind that is listed, straight into a database: pods hear of one API alone."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlmodel import SQLModel

from services.control_plane.blocklist.models import Block
from services.control_plane.catalogue import edits, outbox
from services.control_plane.identity.models import Account, AccountRole, PersonalToken, Role
from services.control_plane.issuers.models import ExternalIssuer
from services.control_plane.kit.audit import AuditEntry
from services.control_plane.kit.database import Database
from services.control_plane.oauth.models import OAuthClient
from services.control_plane.publisher.models import Api, ApiPolicy, ApiTag, LifecycleEvent
from services.control_plane.publisher.projection import define_api
from services.control_plane.store.models import ApiKey, Application, ExternalKey, Subscription
from services.control_plane.tables import METADATA
from services.control_plane.usage.models import Usage, UsageBill
from services.control_plane.workflow.models import Webhook
from shared.claims import MANAGEMENT_AUDIENCE
from shared.definition import Auth, Endpoint, Endpoints, MessageSizes

ISSUER: Final = "listed"
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
NEVER: Final = datetime(2100, 1, 1, tzinfo=UTC)

_BATCH: Final = 1000
_POLICY: Final = "subscription/Gold"


@dataclass(frozen=True, slots=True)
class Amounts:
    """How many rows there are; of subscriptions one application has at most as many as there are APIs.

    The first `own` applications, and as many APIs, are the caller's; each of the others is somebody's.
    """

    apis: int
    applications: int
    subscriptions: int
    others: int
    """Of each other kind: accounts, blocks, keys, what was done."""

    own: int


def fill(database: Database, caller: str, amounts: Amounts, prefix: str = "") -> None:
    """Write them, for an account that is there, and have PostgreSQL see to what it has, as it would by itself.

    All names and ids begin with `prefix`.
    """
    rows: dict[str, list[SQLModel]] = defaultdict(list)
    for row in _Crowd(caller, amounts, prefix).rows():
        rows[str(row.__tablename__)].append(row)
    for table in METADATA.sorted_tables:  # what others refer to comes first
        for start in range(0, len(found := rows[table.name]), _BATCH):
            with database.writing() as session:
                session.add_all(found[start : start + _BATCH])
    with database.writing() as session:  # so it shows that what was counted before is counted no more
        api = session.get_one(Api, f"{prefix}api-0")
        outbox.record(session, "api", api.id, define_api(api), START)
        edits.note(session)
    if database.is_postgresql:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")


@dataclass(frozen=True, slots=True)
class _Crowd:
    caller: str
    amounts: Amounts
    prefix: str

    def rows(self) -> Iterator[SQLModel]:
        amounts, name = self.amounts, f"{self.prefix}{ISSUER}"
        issuer: dict[str, Any] = {"issuer": f"https://{name}", "audience": "", "keys": []}
        yield ExternalIssuer(name=name, checked_at=NEVER, fetched_at=START, **issuer, **_moments(0))
        yield Role(name=name)
        yield Webhook(
            id=self._id("webhook", 0),
            url="",
            events=[],
            sealed_secret="",
            due_at=NEVER,
            claimed_until=START,
            **_moments(0),
        )
        for number in range(amounts.others):
            yield from self._accounts(number)
        for number in range(amounts.apis):
            yield from self._api(number)
        for number in range(amounts.applications):
            yield from self._application(number)
        for number in range(amounts.others):
            yield from self._others(number)

    def _id(self, kind: str, number: int) -> str:
        return f"{self.prefix}{kind}-{number}"

    def _owner(self, number: int) -> str:
        return self.caller if number < self.amounts.own else self._id("person", number % self.amounts.others)

    def _accounts(self, number: int) -> Iterator[SQLModel]:
        at, name = START + timedelta(seconds=number), self._id("person", number)
        client = OAuthClient(
            id=self._id("client", number),
            secret_hash="",
            audience=MANAGEMENT_AUDIENCE,
            token_validity_seconds=1,
            created_at=at,
        )
        yield client
        yield Account(id=self._id("service", number), kind="service", name=name, client_id=client.id, created_at=at)
        yield Account(id=name, kind="person", name=name, created_at=at)
        yield AccountRole(account_id=name, role=f"{self.prefix}{ISSUER}")

    def _api(self, number: int) -> Iterator[SQLModel]:
        id_ = self._id("api", number)
        context = f"/{id_}"
        yield Api(
            id=id_,
            name=id_,
            context=context,
            version="1.0",
            context_key=context,
            route_key=f"{context}/1.0",
            state="PUBLISHED",
            endpoints=Endpoints(production=Endpoint(urls=("ws://127.0.0.1:9",))),
            auth=Auth(),
            max_message_bytes=MessageSizes(),
            owner=self._owner(number),
            **_moments(number),
        )
        step: dict[str, Any] = {"action": "publish", "from_state": "CREATED", "to_state": "PUBLISHED"}
        yield LifecycleEvent(api_id=id_, actor="", at=START + timedelta(seconds=number), **step)
        yield ApiPolicy(api_id=id_, policy_id=_POLICY)
        yield ApiTag(api_id=id_, tag=f"tag-{number % 20}")

    def _application(self, number: int) -> Iterator[SQLModel]:
        id_, each = self._id("application", number), self.amounts.subscriptions // self.amounts.applications
        policy = "application/Unlimited"
        yield Application(id=id_, owner_id=self._owner(number), name=id_, policy_id=policy, **_moments(number))
        for index in range(number * each, (number + 1) * each):
            api_id = self._id("api", index % self.amounts.apis)
            yield Subscription(
                id=self._id("subscription", index),
                application_id=id_,
                api_id=api_id,
                policy_id=_POLICY,
                **_moments(index),
            )

    def _others(self, number: int) -> Iterator[SQLModel]:
        """Yield one of each kind that a caller has few of: the first are all of the first application, and theirs."""
        at, mine = START + timedelta(seconds=number), number < self.amounts.own
        application = self._id("application", 0 if mine else number % self.amounts.applications)
        api, digest = self._id("api", 0 if mine else number % self.amounts.apis), self._id("digest", number)
        client = f"{self.prefix}{ISSUER}/{number}"
        key: dict[str, Any] = {"application_id": application, "key_type": "PRODUCTION"}
        yield ApiKey(id=self._id("key", number), name="", digest=digest, ends_with="", **key, **_moments(number))
        yield ExternalKey(
            id=self._id("external", number), issuer=f"{self.prefix}{ISSUER}", client_id=client, created_at=at, **key
        )
        yield Block(id=self._id("block", number), kind="user", value=self._id("blocked", number), created_at=at)
        token: dict[str, Any] = {"name": "", "token_hash": digest, "ends_with": "", "created_at": at, "expires_at": at}
        yield PersonalToken(id=self._id("token", number), account_id=self._owner(number), **token)
        done: dict[str, Any] = {"action": "api.update", "target_kind": "api", "target_id": api}
        yield AuditEntry(at=at, actor=self._owner(number), address="", **done)
        bill: dict[str, Any] = {"month": START, "policy": f"{number}", "key_type": "PRODUCTION"}
        bill |= dict.fromkeys(("owner", "application", "api", "version"), "")
        yield UsageBill(application_id=application, api_id=api, **bill)
        yield Usage(step="day", at=START, api_id=api, application_id=application, key_type=f"{number}")


def _moments(number: int) -> dict[str, Any]:
    return {"created_at": START + timedelta(seconds=number), "updated_at": START + timedelta(seconds=number)}
