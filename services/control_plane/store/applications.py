from collections.abc import Mapping
from typing import Any, Final

from sqlmodel import Session

from services.control_plane.catalogue import outbox
from services.control_plane.identity import repository as identity_repository
from services.control_plane.identity.models import Account
from services.control_plane.kit import audit, preconditions, tenancy
from services.control_plane.kit.approvals import PENDING, REJECTED, Approvals, Question
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.merge_patch import patched
from services.control_plane.kit.security import new_id
from services.control_plane.store import repository
from services.control_plane.store.api_keys import ApiKeyService
from services.control_plane.store.errors import ApplicationExistsError, TooManyApplicationsError, no_application
from services.control_plane.store.external_keys import ExternalKeyService
from services.control_plane.store.keys import KeyService
from services.control_plane.store.models import Application
from services.control_plane.store.projection import define_application, write_of_application
from services.control_plane.store.schemas import ApplicationWrite
from services.control_plane.throttling.service import PolicyService

DEFAULT_NAME: Final = "DefaultApplication"

MAX_APPLICATIONS: Final = 200
"""Of one account: pods hold all of them in memory."""


class ApplicationService:
    def __init__(
        self,
        policies: PolicyService,
        keys: KeyService,
        external_keys: ExternalKeyService,
        api_keys: ApiKeyService,
        approvals: Approvals,
        clock: Clock,
        unlimited_client: str | None = None,
    ) -> None:
        """`unlimited_client` is the client of the one account that may have any number: a pipeline's."""
        self._policies = policies
        self._keys = keys
        self._external_keys = external_keys
        self._api_keys = api_keys
        self._approvals = approvals
        self._clock = clock
        self._unlimited_client = unlimited_client

    def get(self, session: Session, application_id: str, owner_id: str) -> Application:
        application = repository.find_application(session, application_id, owner_id)
        if application is None:
            raise no_application()
        return application

    def needs_approval(self, session: Session) -> bool:
        """Tell whether a new application waits for an administrator."""
        return self._approvals.needed(session, "application")

    def create(self, session: Session, body: ApplicationWrite, owner_id: str) -> Application:
        """Make an application, or ask for it: then it gets no keys before it is approved."""
        asks = self.needs_approval(session)
        application = self._create(session, body, owner_id, approval=PENDING if asks else None)
        if asks:
            question = Question("application", application.id, application.name, application.policy, owner_id)
            self._approvals.ask(session, question)
        return application

    def answer(self, session: Session, application: Application, *, approved: bool) -> None:
        application.approval = None if approved else REJECTED
        application.updated_at = self._clock()
        session.flush()
        self._publish(session, application, "application.update")

    def _create(
        self, session: Session, body: ApplicationWrite, owner_id: str, *, approval: str | None = None
    ) -> Application:
        self._check_room(session, owner_id)
        now = self._clock()
        application = Application(
            id=new_id(),
            owner_id=owner_id,
            name=body.name,
            description=body.description,
            policy_id=self._policies.require(session, "policy", body.policy, "application"),
            approval=approval,
            created_at=now,
            updated_at=now,
        )
        repository.add(session, application, ApplicationExistsError(body.name))
        self._publish(session, application, "application.create")
        return application

    def create_default(self, session: Session, account: Account) -> None:
        """Give a new account its first application: nobody asked for it, and so nobody approves it."""
        with tenancy.within(session, account.organisation):
            self._create(session, ApplicationWrite(name=DEFAULT_NAME), account.id)

    def replace(self, session: Session, application: Application, body: ApplicationWrite, if_match: str | None) -> None:
        preconditions.check(if_match, application.row_version)
        application.policy_id = self._policies.require(session, "policy", body.policy, "application")
        application.name = body.name
        application.description = body.description
        application.updated_at = self._clock()
        repository.save(session, ApplicationExistsError(body.name))
        self._publish(session, application, "application.update")

    def patch(self, session: Session, application: Application, patch: Mapping[str, Any], if_match: str | None) -> None:
        self.replace(session, application, patched(write_of_application(application), patch), if_match)

    def delete(self, session: Session, application: Application, if_match: str | None) -> None:
        """Delete an application with its keys and subscriptions."""
        preconditions.check(if_match, application.row_version)
        subscriptions = repository.subscriptions_of(session, application.id)
        if application.approval:
            self._approvals.withdraw(session, "application", application.id)
        for subscription in subscriptions:
            if subscription.approval or subscription.pending_policy:
                self._approvals.withdraw(session, "subscription", subscription.id)
        now = self._clock()
        # First of all: pods that read only the beginning close its connections for the right reason.
        outbox.record(session, "application", application.id, None, now)
        for subscription in subscriptions:
            session.delete(subscription)
            outbox.record(session, "subscription", subscription.id, None, now)
        for key in repository.list_keys(session, application.id):
            self._keys.delete(session, key, None)
        self._external_keys.delete_all(session, application)
        for api_key in repository.all_api_keys(session, application.id, hold=True):
            self._api_keys.delete(session, api_key, None)
        session.flush()
        session.delete(application)
        session.flush()
        audit.record(session, "application.delete", "application", application.id, **_words_of(application))

    def delete_owned(self, session: Session, account: Account) -> None:
        """Delete what an account leaves behind: nobody could manage it any more."""
        for application in repository.all_applications(session, account.id):
            self.delete(session, application, None)

    def publish_owned(self, session: Session, account: Account) -> None:
        """Tell the pods what changed of an owner."""
        for application in repository.all_applications(session, account.id):
            self._tell(session, application, account)

    def _check_room(self, session: Session, owner_id: str) -> None:
        client_id = identity_repository.get_account(session, owner_id).client_id
        if client_id is not None and client_id == self._unlimited_client:
            return
        if repository.count_applications(session, owner_id) >= MAX_APPLICATIONS:
            raise TooManyApplicationsError(MAX_APPLICATIONS)

    def _publish(self, session: Session, application: Application, action: str) -> None:
        audit.record(session, action, "application", application.id, **_words_of(application))
        self._tell(session, application, identity_repository.get_account(session, application.owner_id))

    def _tell(self, session: Session, application: Application, owner: Account) -> None:
        definition = define_application(application, owner)
        outbox.record(session, "application", application.id, definition, self._clock())


def _words_of(application: Application) -> dict[str, str]:
    return {
        "name": application.name,
        "owner_id": application.owner_id,
        "policy": application.policy,
        "state": application.approval or "ACTIVE",
    }
