from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple
from typing import Any, cast

from sqlmodel import Session

from services.control_plane.catalogue import outbox
from services.control_plane.catalogue.counts import Counted, edition_of_apis
from services.control_plane.identity import repository as identity_repository
from services.control_plane.identity.principal import Principal
from services.control_plane.identity.scopes import ADMIN
from services.control_plane.kit import audit, preconditions
from services.control_plane.kit.approvals import Approvals, Question
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.merge_patch import patched
from services.control_plane.kit.pagination import PageQuery
from services.control_plane.kit.problems import InvalidError, NotFoundError
from services.control_plane.kit.security import new_id
from services.control_plane.publisher import file_repository, repository
from services.control_plane.publisher.backend_schemas import BackendCredentialsBody
from services.control_plane.publisher.backend_secrets import BackendSecrets
from services.control_plane.publisher.contexts import check_context
from services.control_plane.publisher.errors import (
    ForeignDefaultError,
    PublicationPendingError,
    ambiguous_context,
    cannot_change,
    foreign_context,
    unknown_issuer,
    unknown_role,
)
from services.control_plane.publisher.lifecycle import ASKED_FOR, INITIAL, KNOWN_TO_PODS, SERVED_STATES, Action
from services.control_plane.publisher.messages import Asked, Describe, Described, in_the_document
from services.control_plane.publisher.metadata import assign_metadata, check_environments
from services.control_plane.publisher.models import (
    Api,
    ApiEnvironment,
    ApiIssuer,
    ApiMaintainer,
    ApiPathPolicy,
    ApiPolicy,
    ApiRole,
    ApiTag,
    LifecycleEvent,
)
from services.control_plane.publisher.projection import define_api, read_api, state_of, words_of, write_of
from services.control_plane.publisher.publishing import PLAIN, Publishing, after_step, check_plain, check_publishable
from services.control_plane.publisher.schemas import ApiRead, ApiWrite, VersionCreate
from services.control_plane.throttling.service import PolicyService
from shared.definition import Auth, Endpoints, MessageSizes
from shared.limits import Level

KnowsIssuer = Callable[[Session, str], bool]
"""Tells whether there is an external issuer of this name: they stand above this domain."""

CopyMore = Callable[[Session, str, str], None]
"""Gives a new version what else belongs to the old one, by the ids of both: it is kept above this domain, too."""

TakeOver = Callable[[Session, Sequence[Api], Api], int]
"""Gives a version the subscriptions of others, and tells how many: they are kept above this domain, as well."""


class ApiService:
    def __init__(
        self,
        policies: PolicyService,
        secrets: BackendSecrets,
        knows_issuer: KnowsIssuer,
        copy_more: CopyMore,
        take_over: TakeOver,
        describe: Describe,
        approvals: Approvals,
        clock: Clock,
    ) -> None:
        self._policies = policies
        self._secrets = secrets
        self._knows_issuer = knows_issuer
        self._copy_more = copy_more
        self._take_over = take_over
        self._describe = describe
        self._approvals = approvals
        self._clock = clock
        self._all = Counted(edition_of_apis, repository.count_all)

    def list_page(self, session: Session, caller: Principal, paging: PageQuery) -> tuple[Sequence[Api], int]:
        """Return a page of the APIs that the caller may manage, and how many those are."""
        sees_all = ADMIN in caller.scopes and not paging.q
        return repository.list_page(session, caller, paging, self._all.read(session) if sees_all else None)

    def get(self, session: Session, api_id: str, caller: Principal) -> Api:
        """Return an API that the caller may manage. Raises `NotFoundError`."""
        api = repository.find_own(session, api_id, caller)
        if api is None:
            raise NotFoundError
        return api

    def read(self, session: Session, *apis: Api) -> list[ApiRead]:
        """Return APIs as their publishers see them, with the names of their owners."""
        names = identity_repository.names_of(session, {api.owner for api in apis})
        return [read_api(api, names.get(api.owner)) for api in apis]

    def create(
        self,
        session: Session,
        body: ApiWrite,
        caller: Principal,
        source: Api | None = None,
        furnish: Callable[[Api], None] | None = None,
    ) -> Api:
        """Make an API. A copy has its source's owner; what the body keeps of secrets is the source's as well.

        `furnish` gives it a document, which its messages are then held against.
        """
        now = self._clock()
        api = Api(
            id=new_id(),
            name=body.name,
            context=body.context,
            version=body.version,
            context_key=body.context.lower(),
            route_key=f"{body.context}/{body.version}".lower(),
            state=INITIAL,
            endpoints=Endpoints(),
            auth=Auth(),
            max_message_bytes=MessageSizes(),
            owner=source.owner if source else _owner_of(session, body.context.lower(), caller),
            created_at=now,
            updated_at=now,
        )
        if source is not None:
            api.sealed_client_certificate = source.sealed_client_certificate
            api.sealed_backend_credentials = source.sealed_backend_credentials
        _check_place(session, api, caller, source)
        self._assign(session, api, body, caller)
        repository.add(session, api)
        if furnish is not None:
            furnish(api)
        self._check_messages(session, api, source or api)
        self._publish(session, api, "api.create")
        return api

    def replace(self, session: Session, api: Api, body: ApiWrite, caller: Principal, if_match: str | None) -> None:
        preconditions.check(if_match, api.row_version)
        for field in ("context", "version"):
            if getattr(body, field) != getattr(api, field):
                raise cannot_change(field)
        if state_of(api) in SERVED_STATES:
            check_publishable(body, state_of(api))
        with session.no_autoflush:  # one edit is one version of the row
            self._assign(session, api, body, caller)
            self._check_messages(session, api, api)
        api.updated_at = self._clock()
        repository.save(session)
        self._publish(session, api, "api.update")

    def patch(
        self, session: Session, api: Api, patch: Mapping[str, Any], caller: Principal, if_match: str | None
    ) -> None:
        preconditions.check(if_match, api.row_version)
        self.replace(session, api, patched(write_of(api), patch), caller, if_match)

    def delete(self, session: Session, api: Api, if_match: str | None) -> None:
        preconditions.check(if_match, api.row_version)
        self._withdraw(session, api)
        repository.delete(session, api)
        audit.record(session, "api.delete", "api", api.id, **words_of(api))
        outbox.record(session, "api", api.id, None, self._clock())

    def copy(self, session: Session, api: Api, body: VersionCreate, caller: Principal) -> Api:
        """Make another version of an API: a copy that is not published yet."""
        fields = {"version": body.version, "default": body.default}
        made = self.create(session, write_of(api).model_copy(update=fields), caller, api)
        file_repository.copy(session, api, made)
        self._copy_more(session, api.id, made.id)
        return made

    def change_state(
        self,
        session: Session,
        api: Api,
        action: Action,
        caller: Principal,
        if_match: str | None,
        publishing: Publishing = PLAIN,
    ) -> None:
        """Take a step of its life, or ask for it: then `pending_action` says so, and the state stays."""
        preconditions.check(if_match, api.row_version)
        after = after_step(api, action)
        if action in ASKED_FOR and after != state_of(api) and self._approvals.needed(session, "publication"):
            check_plain(publishing)
            self._ask(session, api, action, caller)
            return
        with session.no_autoflush:  # all is held before any of it is written: requests first, then versions
            self._withdraw(session, api)
            if publishing.deprecates_older:
                for version in repository.list_older(session, api, caller):
                    self._withdraw(session, version)
            if any(astuple(publishing)):
                repository.hold_versions(session, api.context_key)  # nobody subscribes to one meanwhile
        older = repository.list_older(session, api, caller) if any(astuple(publishing)) else ()
        count = self._take_over(session, older, api) if publishing.takes_over else 0
        actor = caller.account_id
        self._step(session, api, action, actor, f"subscriptions taken over: {count}" if count else None)
        for version in older if publishing.deprecates_older else ():
            self._step(session, version, "deprecate", actor, f"version {api.version} was published")

    def answer(self, session: Session, api: Api, asked_by: str, *, approved: bool) -> None:
        """Take the step that was asked for, or let it be."""
        action = cast("Action", api.pending_action)
        api.pending_action = None
        if approved:
            self._step(session, api, action, asked_by, None)
        else:
            api.updated_at = self._clock()
            session.flush()

    def withdraw(self, session: Session, api: Api, if_match: str | None) -> None:
        """Take back what is asked. Raises `NotFoundError` where nothing is."""
        preconditions.check(if_match, api.row_version)
        if api.pending_action is None:
            raise NotFoundError("Nothing waits for an approval.")
        self._withdraw(session, api)
        api.updated_at = self._clock()
        session.flush()

    def _ask(self, session: Session, api: Api, action: Action, caller: Principal) -> None:
        if api.pending_action == action:
            raise PublicationPendingError
        self._withdraw(session, api)
        title = f"{action} {api.name} {api.version}"
        self._approvals.ask(session, Question("publication", api.id, title, action, caller.account_id))
        api.pending_action = action
        api.updated_at = self._clock()
        session.flush()

    def _withdraw(self, session: Session, api: Api) -> None:
        if api.pending_action is not None:
            self._approvals.withdraw(session, "publication", api.id)
            api.pending_action = None

    def _step(self, session: Session, api: Api, action: Action, actor: str, reason: str | None) -> None:
        before, after = state_of(api), after_step(api, action)
        now = self._clock()
        api.state = after
        api.updated_at = now
        event = LifecycleEvent(
            api_id=api.id,
            action=action,
            from_state=before,
            to_state=after,
            reason=reason,
            actor=actor,
            at=now,
        )
        session.add(event)
        session.flush()
        self._publish(session, api, f"api.{action}")

    def _assign(self, session: Session, api: Api, body: ApiWrite, caller: Principal) -> None:
        self._check_roles(session, "roles", body.roles)
        self._check_roles(session, "maintainers", body.maintainers)
        self._check_issuers(session, body)
        check_environments(session, body)
        policies = self._policy_ids(session, body)
        if body.default and not api.is_default:
            self._move_default(session, api, caller)
        api.api_policy_id = self._policy_id(session, "api_policy", body.api_policy, "api")
        api.anonymous_policy_id = self._policy_id(session, "anonymous_policy", body.anonymous_policy, "subscription")
        api.name = body.name
        api.is_default = body.default
        api.description = body.description
        api.endpoints = body.endpoints.contract()
        api.mocked = body.endpoints.mocked
        api.validation = body.validation.model_dump()
        api.auth = Auth.model_validate(body.auth.model_dump())
        self._assign_paths(session, api, body)
        api.max_message_bytes = MessageSizes.model_validate(body.max_message_bytes.model_dump())
        api.visibility = body.visibility
        api.origins = list(dict.fromkeys(body.origins))
        api.idle_timeout_seconds = body.idle_timeout_seconds
        api.max_connection_age_seconds = body.max_connection_age_seconds
        api.ping_interval_seconds = body.ping_interval_seconds
        api.close_at_expiry = body.close_at_expiry
        api.expiry_grace_seconds = body.expiry_grace_seconds
        self._assign_backend(api, body)
        assign_metadata(session, api, body)
        api.maintainers = [ApiMaintainer(api_id=api.id, role=role) for role in sorted(set(body.maintainers))]
        api.tags = [ApiTag(api_id=api.id, tag=tag) for tag in sorted(set(body.tags))]
        api.roles = [ApiRole(api_id=api.id, role=role) for role in sorted(set(body.roles))]
        api.issuers = [ApiIssuer(api_id=api.id, issuer=name) for name in sorted(set(body.issuers))]
        api.environments = [ApiEnvironment(api_id=api.id, environment=name) for name in sorted(set(body.environments))]
        api.policies = [ApiPolicy(api_id=api.id, policy_id=policy) for policy in sorted(policies)]

    def _assign_paths(self, session: Session, api: Api, body: ApiWrite) -> None:
        policies = {
            self._policies.require(session, f"paths.{index}.policy", path.policy, "api")
            for index, path in enumerate(body.paths)
            if path.policy is not None
        }
        api.paths = [path.stored() for path in body.paths]
        api.path_policies = [ApiPathPolicy(api_id=api.id, policy_id=policy) for policy in sorted(policies)]

    def _assign_backend(self, api: Api, body: ApiWrite) -> None:
        api.set_headers = body.set_headers
        api.forward_cookies = body.forward_cookies
        api.backend_assertion = body.backend_assertion
        api.ca_certificate = body.ca_certificate
        api.sealed_client_certificate = self._secrets.replace(
            "client_certificate", api.sealed_client_certificate, body.client_certificate
        )
        credentials = body.backend_credentials
        api.sealed_backend_credentials = self._secrets.replace(
            "backend_credentials",
            api.sealed_backend_credentials,
            credentials.contract().model_dump_json()
            if isinstance(credentials, BackendCredentialsBody)
            else credentials,
        )

    def _policy_id(self, session: Session, field: str, name: str | None, level: Level) -> str | None:
        return None if name is None else self._policies.require(session, field, name, level)

    def _policy_ids(self, session: Session, body: ApiWrite) -> set[str]:
        return {
            self._policies.require(session, f"policies.{index}", name, "subscription")
            for index, name in enumerate(body.policies)
        }

    def _check_roles(self, session: Session, field: str, roles: Sequence[str]) -> None:
        for index, role in enumerate(roles):
            if identity_repository.find_role(session, role) is None:
                raise unknown_role(f"{field}.{index}", role)

    def _check_issuers(self, session: Session, body: ApiWrite) -> None:
        for index, name in enumerate(body.issuers):
            if not self._knows_issuer(session, name):
                raise unknown_issuer(index, name)

    def _move_default(self, session: Session, api: Api, caller: Principal) -> None:
        """Take the default from the version that has it: a context has one at most. Raises `ForeignDefaultError`."""
        other = repository.find_default(session, api.context_key)
        if other is None or other.id == api.id:
            return
        if repository.find_own(session, other.id, caller) is None:
            raise ForeignDefaultError
        repository.hold_versions(session, api.context_key)  # before either is written
        other.is_default = False
        other.updated_at = self._clock()
        session.flush()
        self._tell_pods(session, other)

    def _check_messages(self, session: Session, api: Api, documented: Api) -> None:
        """Refuse checks and mocks that the document, which may be another API's as yet, says too little for."""
        asked = Asked.of(api)
        if asked.anything:
            try:
                self._describe(session, documented.id, asked)
            except InvalidError as error:
                raise in_the_document(error) from error

    def tell_of_document(self, session: Session, api: Api) -> None:
        """Have pods go by an API's document, which has changed. Raises `InvalidError` where it says too little."""
        asked = Asked.of(api)
        if asked.anything:
            self._describe(session, api.id, asked)
            self._tell_pods(session, api)

    def _publish(self, session: Session, api: Api, action: str) -> None:
        audit.record(session, action, "api", api.id, **words_of(api))
        self._tell_pods(session, api)

    def _tell_pods(self, session: Session, api: Api) -> None:
        asked = Asked.of(api)
        is_needed = asked.anything and state_of(api) in KNOWN_TO_PODS
        described = self._describe(session, api.id, asked) if is_needed else Described()
        outbox.record(session, "api", api.id, define_api(api, described), self._clock())


def _check_place(session: Session, api: Api, caller: Principal, source: Api | None) -> None:
    """Refuse an address that is not its organisation's, or not to be told from another. Raises `InvalidError`."""
    if source is None:
        check_context(caller.organisation, api.context)
    if other := repository.find_confusable(session, api.context_key, api.route_key):
        organisation, place = other
        raise ambiguous_context(place if organisation == caller.organisation else "somewhere else")


def _owner_of(session: Session, context_key: str, caller: Principal) -> str:
    """Return whose a new API is. A context has one owner, for whom administrators may add to it."""
    owner = repository.find_owner(session, context_key) or caller.account_id
    if owner != caller.account_id and ADMIN not in caller.scopes:
        raise foreign_context()
    return owner
