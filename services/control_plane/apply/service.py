"""A manifest is applied through the services that single requests go through: there is no second way in."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlmodel import Session

from services.control_plane.apply.documents import digest_asyncapi, digest_thumbnail, put_documents, read_documents
from services.control_plane.apply.errors import (
    NoWayError,
    at,
    named_twice,
    unknown_api,
    unknown_application,
    version_needed,
)
from services.control_plane.apply.schemas import ApiEntry, Change, Manifest, SubscriptionEntry
from services.control_plane.asyncapi.service import DocumentService
from services.control_plane.identity.dependencies import check_platform
from services.control_plane.identity.errors import InsufficientScopeError
from services.control_plane.identity.principal import Principal
from services.control_plane.identity.scopes import ADMIN, PUBLISHER_PUBLISH, PUBLISHER_WRITE, STORE_SUBSCRIBE
from services.control_plane.kit.data_urls import read_data_url
from services.control_plane.kit.database import Database
from services.control_plane.publisher import repository as publisher_repository
from services.control_plane.publisher.lifecycle import SERVED_STATES, way
from services.control_plane.publisher.models import Api
from services.control_plane.publisher.pictures import PictureService
from services.control_plane.publisher.projection import state_of
from services.control_plane.publisher.projection import write_of as write_of_api
from services.control_plane.publisher.service import ApiService
from services.control_plane.publisher.shelf import DocumentShelf
from services.control_plane.store import repository as store_repository
from services.control_plane.store.applications import DEFAULT_NAME, ApplicationService
from services.control_plane.store.models import Application, Subscription
from services.control_plane.store.projection import write_of_application
from services.control_plane.store.schemas import ApplicationWrite, SubscriptionCreate
from services.control_plane.store.subscriptions import SubscriptionService
from services.control_plane.throttling import repository as policy_repository
from services.control_plane.throttling.projection import write_of as write_of_policy
from services.control_plane.throttling.schemas import PolicyBody, PolicyWrite
from services.control_plane.throttling.service import PolicyService
from shared.definition import State
from shared.limits import PolicyName, policy_id

SECRETS: Final = frozenset({"client_certificate", "backend_credentials"})
"""Fields of an API that are sealed in columns of their own, and never shown."""


@dataclass(frozen=True, slots=True)
class Services:
    policies: PolicyService
    apis: ApiService
    applications: ApplicationService
    subscriptions: SubscriptionService
    documents: DocumentService
    shelf: DocumentShelf
    pictures: PictureService


class ApplyService:
    def __init__(self, services: Services, database: Database) -> None:
        self._services = services
        self._database = database

    def apply(self, session: Session, manifest: Manifest, caller: Principal, *, prune: bool) -> list[Change]:
        """Bring what the manifest names into the state that it says, and tell what changed.

        With `prune` delete what the caller owns and the manifest does not name. `check_scopes` comes before.
        """
        self._database.lock(session, "apply")  # two at once would wait for each other's rows
        run = _Run(session, caller, self._services)
        changes = list(run.put(manifest))
        return changes + (list(run.prune()) if prune else [])


def check_scopes(manifest: Manifest, caller: Principal) -> None:
    """Raise `InsufficientScopeError` where the caller may not make what the manifest names."""
    needed = {
        ADMIN: manifest.policies,
        PUBLISHER_WRITE: manifest.apis,
        PUBLISHER_PUBLISH: [entry for entry in manifest.apis if entry.state],
        STORE_SUBSCRIBE: [*manifest.applications, *manifest.subscriptions],
    }
    for scope, entries in needed.items():
        if entries:
            _require(caller, scope)
    if manifest.policies:
        check_platform(caller)


def _require(caller: Principal, scope: str) -> None:
    if scope not in caller.scopes:
        raise InsufficientScopeError(scope)


@dataclass(slots=True)
class _PutApi:
    """An entry's API on its way to the entry's state."""

    entry: ApiEntry
    row: Api
    change: Change


@dataclass(slots=True)
class _Run:
    """One manifest in one transaction."""

    session: Session
    caller: Principal
    services: Services
    apis: dict[str, _PutApi] = field(default_factory=dict)
    applications: set[str] = field(default_factory=set)
    subscriptions: set[str] = field(default_factory=set)
    subscribed: set[str] = field(default_factory=set)
    """APIs that a subscription of the manifest names."""

    def put(self, manifest: Manifest) -> Iterator[Change]:
        for index, policy in enumerate(manifest.policies):
            with at(f"policies.{index}"):
                yield self._put_policy(policy)
        for index, api in enumerate(manifest.apis):
            with at(f"apis.{index}"):
                self._put_api(api)
        applications = []
        for index, application in enumerate(manifest.applications):
            with at(f"applications.{index}"):
                applications.append(self._put_application(application))
        subscriptions = []
        for index, subscription in enumerate(manifest.subscriptions):
            with at(f"subscriptions.{index}"):
                subscriptions.append(self._put_subscription(subscription))
        # Last of all: what takes no new subscriptions got those of the manifest before.
        for index, put in enumerate(self.apis.values()):
            with at(f"apis.{index}"):
                self._move(put, put.entry.target)
                yield put.change
        yield from applications
        yield from subscriptions

    def prune(self) -> Iterator[Change]:
        yield from self._prune_subscriptions()
        yield from self._prune_applications()
        yield from self._prune_apis()

    def _put_policy(self, entry: PolicyBody) -> Change:
        policies = self.services.policies
        change = Change(kind="policy", name=entry.name, level=entry.level, action="create")
        row = policy_repository.find(self.session, policy_id(entry.level, PolicyName(entry.name)))
        if row is None:
            policies.create(self.session, PolicyWrite.model_validate(entry.model_dump()))
            return change
        wanted = write_of_policy(row).model_copy(update=dict(entry))
        return self._update(
            change,
            lambda: write_of_policy(row).model_dump(),
            lambda: policies.replace(self.session, row, wanted, None),
        )

    def _put_api(self, entry: ApiEntry) -> None:
        apis = self.services.apis
        change = Change(kind="api", name=entry.name, version=entry.version, action="create")
        row = publisher_repository.find_own_routed(self.session, entry.context, entry.version, self.caller)
        if row is None:
            row = apis.create(self.session, entry, self.caller, furnish=lambda api: self._put_asyncapi(api, entry))
            self.apis[row.id] = _PutApi(entry, row, change)
            put_documents(self.session, self.services.shelf, row, entry.documents or ())
            self._put_thumbnail(row, entry)
            return
        put = self.apis[row.id] = _PutApi(entry, row, change)
        change.action = "none"
        if entry.target and entry.target not in SERVED_STATES:
            self._move(put, entry.target)  # what is not served any more may lose its endpoints
        self._change_api(put)

    def _change_api(self, put: _PutApi) -> None:
        """Bring an API's document, its fields, and then the rest into the state of its entry."""
        apis, session, row, entry = self.services.apis, self.session, put.row, put.entry
        if entry.asyncapi is not None:
            self._update(
                put.change,
                lambda: {"asyncapi": digest_asyncapi(session, row)},
                lambda: self._put_asyncapi(row, entry),
            )
        self._update(put.change, lambda: _fields_of(row), lambda: apis.replace(session, row, entry, self.caller, None))
        if "asyncapi" in put.change.fields:
            apis.tell_of_document(session, row)
        if (documents := entry.documents) is not None:
            self._update(
                put.change,
                lambda: {"documents": read_documents(session, row)},
                lambda: put_documents(session, self.services.shelf, row, documents),
            )
        if entry.thumbnail is not None:
            self._update(
                put.change,
                lambda: {"thumbnail": digest_thumbnail(session, row)},
                lambda: self._put_thumbnail(row, entry),
            )

    def _put_asyncapi(self, api: Api, entry: ApiEntry) -> None:
        if entry.asyncapi is not None:
            self.services.documents.replace(self.session, api, entry.asyncapi, None)

    def _put_thumbnail(self, api: Api, entry: ApiEntry) -> None:
        if entry.thumbnail is not None:
            self.services.pictures.put(self.session, api, read_data_url(entry.thumbnail), None)

    def _move(self, put: _PutApi, target: State | None) -> None:
        """Take an API through its lifecycle."""
        state = state_of(put.row)
        if target is None:
            return
        if target == state:
            self._withdraw(put)
            return
        actions = way(state, target)
        with at("state"):
            if actions is None:
                raise NoWayError(state, target)
            for action in actions:
                if action == put.row.pending_action:
                    return  # it waits for an approval since an earlier apply
                self.services.apis.change_state(self.session, put.row, action, self.caller, None)
                if put.row.pending_action:
                    if put.change.action != "create":
                        _add_fields(put.change, {"pending": None}, {"pending": action})
                    return
        if put.change.action != "create":
            _add_fields(put.change, {"state": state.lower()}, {"state": target.lower()})

    def _withdraw(self, put: _PutApi) -> None:
        """Take back what is asked for, where an API is to stay in its state."""
        if (pending := put.row.pending_action) is not None:
            self.services.apis.withdraw(self.session, put.row, None)
            _add_fields(put.change, {"pending": pending}, {"pending": None})

    def _put_application(self, entry: ApplicationWrite) -> Change:
        applications, owner = self.services.applications, self.caller.account_id
        change = Change(kind="application", name=entry.name, action="create")
        row = store_repository.find_application_named(self.session, entry.name, owner)
        if row is None:
            row = applications.create(self.session, entry, owner)
        else:
            self._update(
                change,
                lambda: write_of_application(row).model_dump(),
                lambda: applications.replace(self.session, row, entry, None),
            )
        self.applications.add(row.id)
        return change

    def _put_subscription(self, entry: SubscriptionEntry) -> Change:
        subscriptions = self.services.subscriptions
        application, api = self._find_application(entry.application), self._find_api(entry)
        change = Change(kind="subscription", name=_name_of(application, api), action="create")
        row = store_repository.find_subscription_to(self.session, application.id, api.id)
        if row is None:
            self._open(api)
            body = SubscriptionCreate(application_id=application.id, api_id=api.id, policy=entry.policy)
            row = subscriptions.create(self.session, body, self.caller)
        elif row.id in self.subscriptions:
            raise named_twice()
        else:
            self._update(
                change,
                lambda: {"policy": row.pending_policy or row.policy},
                lambda: subscriptions.move(self.session, row, entry.policy, None),
            )
        self.subscriptions.add(row.id)
        self.subscribed.add(api.id)
        return change

    def _open(self, api: Api) -> None:
        """Let an API take subscriptions: a new one whatever state it is on its way to."""
        put = self.apis.get(api.id)
        if put and put.entry.target and (put.change.action == "create" or put.entry.target == "PUBLISHED"):
            self._move(put, "PUBLISHED")

    def _find_application(self, name: str) -> Application:
        found = store_repository.find_application_named(self.session, name, self.caller.account_id)
        if found is None:
            raise unknown_application(name)
        self.applications.add(found.id)
        return found

    def _find_api(self, entry: SubscriptionEntry) -> Api:
        known = store_repository.find_apis_named(self.session, entry.api, self.caller)
        found = self._nearest([api for api in known if entry.version in (None, api.version)])
        if not found:
            raise unknown_api(entry.api, entry.version)
        if len(found) > 1:
            raise version_needed(entry.api, [api.version for api in found])
        return found[0]

    def _nearest(self, apis: Sequence[Api]) -> Sequence[Api]:
        """Return those of the manifest, else the caller's own, else all: anybody may publish a version of a name."""
        named = [api for api in apis if api.id in self.apis]
        return named or [api for api in apis if api.owner == self.caller.account_id] or apis

    def _update(self, change: Change, read: Callable[[], Mapping[str, Any]], replace: Callable[[], object]) -> Change:
        """Replace a row, and note the fields that this changed. Where it changed none it is undone."""
        if change.action == "create":
            change.action = "none"
        before = read()
        with self.session.begin_nested() as savepoint:
            replace()
            after = {name: value for name, value in read().items() if value != before[name]}
            if not after:
                savepoint.rollback()
        _add_fields(change, before, after)
        return change

    def _prune_subscriptions(self) -> Iterator[Change]:
        for row, application, api in store_repository.all_subscriptions(self.session, self.caller.account_id):
            if row.id not in self.subscriptions:
                yield self._delete_subscription(row, _name_of(application, api))

    def _delete_subscription(self, row: Subscription, name: str) -> Change:
        _require(self.caller, STORE_SUBSCRIBE)
        self.services.subscriptions.delete(self.session, row, None)
        return Change(kind="subscription", name=name, action="delete")

    def _prune_applications(self) -> Iterator[Change]:
        for row in store_repository.all_applications(self.session, self.caller.account_id):
            if row.id not in self.applications and row.name != DEFAULT_NAME:
                _require(self.caller, STORE_SUBSCRIBE)
                self.services.applications.delete(self.session, row, None)
                yield Change(kind="application", name=row.name, action="delete")

    def _prune_apis(self) -> Iterator[Change]:
        for row in publisher_repository.list_owned(self.session, self.caller.account_id):
            if row.id not in self.apis and row.id not in self.subscribed:
                _require(self.caller, PUBLISHER_WRITE)
                with at(f"prune {row.name} {row.version}"):
                    self.services.apis.delete(self.session, row, None)
                yield Change(kind="api", name=row.name, version=row.version, action="delete")


def _fields_of(api: Api) -> dict[str, Any]:
    """Return an API's fields, with its secrets as they are sealed: what stays sealed as it is has not changed."""
    sealed = {name: getattr(api, f"sealed_{name}") for name in SECRETS}
    return write_of_api(api).model_dump() | sealed


def _name_of(application: Application, api: Api) -> str:
    return f"{application.name} to {api.name} {api.version}"


def _add_fields(change: Change, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Note the fields that are in `after`, and what they were."""
    if after:
        shown = {name: value for name, value in after.items() if name not in SECRETS}
        change.action = "update"
        change.fields = [*change.fields, *after]
        change.before = {**(change.before or {}), **{name: before[name] for name in shown}}
        change.after = {**(change.after or {}), **shown}
