"""The only place where objects are built."""

import random
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from redis import Redis
from sqlmodel import Session

from services.control_plane import routers
from services.control_plane.asyncapi import repository as document_repository
from services.control_plane.asyncapi.service import DocumentService, describe
from services.control_plane.blocklist.service import BlockService
from services.control_plane.catalogue import outbox
from services.control_plane.catalogue.mirror import Mirror
from services.control_plane.catalogue.pusher import Pusher
from services.control_plane.chores import make_keepers
from services.control_plane.console import build_sessions, provide_console
from services.control_plane.environments.service import EnvironmentService
from services.control_plane.fleet.connections import ConnectionService
from services.control_plane.fleet.enquirer import Enquirer
from services.control_plane.fleet.pods import PodReader
from services.control_plane.fleet.tails import TailService
from services.control_plane.identity.authenticator import Authenticator
from services.control_plane.identity.bearer import BearerVerifier
from services.control_plane.identity.hooks import AccountHooks
from services.control_plane.identity.models import Account
from services.control_plane.identity.people import PeopleService
from services.control_plane.identity.personal_tokens import PersonalTokenService
from services.control_plane.identity.roles import RoleService
from services.control_plane.identity.service import AccountService
from services.control_plane.identity.totals import Totals
from services.control_plane.issuers import repository as issuer_repository
from services.control_plane.issuers.refreshing import Refresher
from services.control_plane.issuers.service import ExternalIssuerService
from services.control_plane.kit import audit, problems
from services.control_plane.kit.approvals import Approvals
from services.control_plane.kit.body_limit import BodyLimitMiddleware
from services.control_plane.kit.bulkhead import Bulkhead
from services.control_plane.kit.clock import Clock, system_clock
from services.control_plane.kit.database import Database
from services.control_plane.kit.guesses import Guesses
from services.control_plane.kit.idempotency import IdempotencyKeeper
from services.control_plane.kit.provide import offer
from services.control_plane.kit.redis_client import connect, disconnect
from services.control_plane.kit.routing import Room
from services.control_plane.kit.security import Sealer
from services.control_plane.kit.unit_of_work import Collaborators
from services.control_plane.metrics import Metrics, MetricsMiddleware
from services.control_plane.oauth.assertions import AssertionReader
from services.control_plane.oauth.devices import DeviceService
from services.control_plane.oauth.dpop import DpopReader
from services.control_plane.oauth.grants import GrantService
from services.control_plane.oauth.keeper import Keeper
from services.control_plane.oauth.keyring import KeyRing
from services.control_plane.oauth.revocation import Revocations
from services.control_plane.oauth.server import TokenServices
from services.control_plane.oauth.service import TOKEN_PATH, ClientService
from services.control_plane.oauth.signing import IssuerService
from services.control_plane.oauth.tokens import TokenIssuer, TokenReader
from services.control_plane.openapi import complete
from services.control_plane.organisations.service import OrganisationService
from services.control_plane.outside import Outside, look_outside
from services.control_plane.portal import errors
from services.control_plane.publisher import repository as publisher_repository
from services.control_plane.publisher.addresses import AddressChecker
from services.control_plane.publisher.backend_secrets import BackendSecrets
from services.control_plane.publisher.metadata import CategoryService
from services.control_plane.publisher.pictures import PictureService
from services.control_plane.publisher.service import ApiService
from services.control_plane.publisher.shelf import DocumentShelf
from services.control_plane.publisher.testing import EndpointTester
from services.control_plane.settings import Settings
from services.control_plane.store import repository as store_repository
from services.control_plane.store.api_keys import ApiKeyService
from services.control_plane.store.application_tokens import ApplicationTokens
from services.control_plane.store.applications import ApplicationService
from services.control_plane.store.browsing import Storefront
from services.control_plane.store.external_keys import ExternalKeyService
from services.control_plane.store.feedback import FeedbackService
from services.control_plane.store.keys import KeyService
from services.control_plane.store.moving import SubscriptionMover
from services.control_plane.store.quota import QuotaReader
from services.control_plane.store.registration import RegistrationService
from services.control_plane.store.snippets.writer import Writer
from services.control_plane.store.subscriptions import SubscriptionService
from services.control_plane.store.tickets import TicketService
from services.control_plane.throttling.service import PolicyService
from services.control_plane.throttling.subjects import Subjects
from services.control_plane.traces import Spans, configure, open_spans, sending
from services.control_plane.usage.billing import BillReader
from services.control_plane.usage.reports import UsageReader
from services.control_plane.workflow.requests import ApprovalRequests
from services.control_plane.workflow.settings import SettingsService
from services.control_plane.workflows import build_workflow
from shared import logs
from shared.connections import ANSWER_SECONDS

MAX_BODY_BYTES: Final = 1 << 20

_SLOW_CALLS: Final = 6  # of those that a publisher may cause: each takes a thread
_SLOW_WAIT_SECONDS: Final = 2.0
_TAILS: Final = 8  # at once: each takes a thread while it lasts

_QUICK_CALLS: Final = 4  # of those that a subscriber may cause while Redis is away
_QUICK_SECONDS: Final = 0.25  # for a place, to connect, and for an answer each: a second at most, greeting included


@dataclass(frozen=True, slots=True)
class Platform:
    """What lives as long as the application."""

    database: Database
    redis: Redis
    quick_redis: Redis
    patient_redis: Redis
    pusher: Pusher
    sealer: Sealer
    backend_sealer: Sealer
    approvals: Approvals
    clock: Clock
    spans: Spans | None


@dataclass(frozen=True, slots=True)
class Services:
    """What the domains do."""

    policies: PolicyService
    issuer: IssuerService
    accounts: AccountService
    roles: RoleService
    environments: EnvironmentService
    keepers: tuple[Keeper, ...]
    choices: SettingsService
    provided: dict[type, object]


def create_app(settings: Settings, clock: Clock = system_clock) -> FastAPI:
    platform = _build_platform(settings, clock)
    slow = Bulkhead(_SLOW_CALLS, _SLOW_WAIT_SECONDS)
    outside = look_outside(
        settings.addresses, slow, platform.database, platform.redis, platform.backend_sealer, platform.clock
    )
    services = _build_services(settings, platform, outside)
    spans = platform.spans
    metrics = Metrics(platform.pusher, spans.take_lost) if spans else Metrics(platform.pusher)
    app = FastAPI(
        title="Framegate",
        version="0.1.0",
        description="Manages WebSocket APIs.",
        telemetry=configure(spans),
        lifespan=_lifespan(settings, platform, services),
        redirect_slashes=False,
        docs_url=None,  # their pages load scripts from other hosts
        redoc_url=None,
    )
    app.add_middleware(BodyLimitMiddleware, max_bytes=MAX_BODY_BYTES)
    app.add_middleware(MetricsMiddleware, metrics=metrics)
    problems.install(app)
    errors.install(app)
    offer(app, {**services.provided, Database: platform.database, Pusher: platform.pusher, Metrics: metrics})
    app.router.routes.extend(routers.join())
    complete(app)
    return app


def _build_platform(settings: Settings, clock: Clock) -> Platform:
    database = Database(settings.database_url)
    database.on_commit(audit.tell)
    redis = connect(settings.redis_url)
    backend_sealer = Sealer(settings.sealing_key, "backends")
    pusher = Pusher(database, Mirror(redis, backend_sealer.key), clock, random.SystemRandom())
    quick_redis = connect(settings.redis_url, _QUICK_SECONDS)
    patient_redis = connect(settings.redis_url, ANSWER_SECONDS + _QUICK_SECONDS)
    spans = open_spans(settings, database, redis, quick_redis, patient_redis)
    sealer, approvals = Sealer(settings.sealing_key), ApprovalRequests(clock)
    return Platform(
        database, redis, quick_redis, patient_redis, pusher, sealer, backend_sealer, approvals, clock, spans
    )


def _build_services(settings: Settings, platform: Platform, outside: Outside) -> Services:
    clock, database = platform.clock, platform.database
    keyring = KeyRing(platform.sealer, platform.backend_sealer, settings.signing_algorithm, clock)
    issuer = TokenIssuer(settings.public_url, keyring, clock)
    signing = IssuerService(database, keyring, issuer, clock)
    clients, roles, environments = ClientService(clock), RoleService(), EnvironmentService(clock)
    policies = PolicyService(Subjects(publisher_repository.exists, store_repository.application_exists), clock)
    keys, blocks = KeyService(clients, issuer, clock), BlockService(clock)
    mover = SubscriptionMover(platform.approvals, clock)
    applications, kept = _provide_applications(settings, platform, policies, keys, outside)
    hooks = _build_hooks(applications, blocks)
    accounts = AccountService(clients, roles, hooks, clock)
    tokens = _build_tokens(settings, clock, issuer, keyring, clients, accounts)
    bearer = BearerVerifier(settings.public_url, keyring, tokens.revocations, tokens.dpop, database, clock)
    people = PeopleService(roles, tokens.grants, hooks, clock)
    sessions, personal = build_sessions(settings, database, clock), PersonalTokenService(clock)
    provided = {
        Room: Room(),
        Collaborators: Collaborators(database, IdempotencyKeeper(platform.sealer, clock), clock),
        KeyRing: keyring,
        IssuerService: signing,
        TokenIssuer: issuer,
        TokenServices: tokens,
        PersonalTokenService: personal,
        Authenticator: Authenticator(bearer, personal, database),
        AccountService: accounts,
        RoleService: roles,
        EnvironmentService: environments,
        PeopleService: people,
        Totals: Totals(clock),
        **provide_console(settings, sessions, tokens.grants, people, clock),
        PolicyService: policies,
        **_provide_publisher(settings, platform, policies, outside, mover),
        **kept,
        **_provide_store(settings, platform, bearer, blocks),
    }
    flow = build_workflow(provided, database, platform.sealer, outside.addresses, clock, random.SystemRandom())
    parts = (tokens.revocations, tokens.grants, tokens.assertions, tokens.devices, sessions, personal, flow.queue)
    keepers = make_keepers(database, platform.redis, clock, keyring, signing, parts, outside.refresher, flow.sender)
    return Services(policies, signing, accounts, roles, environments, keepers, flow.settings, provided | flow.provided)


def _provide_applications(
    settings: Settings, platform: Platform, policies: PolicyService, keys: KeyService, outside: Outside
) -> tuple[ApplicationService, dict[type, object]]:
    clock = platform.clock
    external_keys = ExternalKeyService(platform.database, outside.introspection, clock)
    api_keys = ApiKeyService(clock)
    applications = ApplicationService(
        policies, keys, external_keys, api_keys, platform.approvals, clock, settings.bootstrap_client_id
    )
    return applications, {
        ApplicationService: applications,
        KeyService: keys,
        ExternalKeyService: external_keys,
        ApiKeyService: api_keys,
        RegistrationService: RegistrationService(applications, keys, settings.public_url),
    }


def _build_hooks(applications: ApplicationService, blocks: BlockService) -> AccountHooks:
    def created(session: Session, account: Account) -> None:
        applications.create_default(session, account)
        blocks.follow(session, account)

    return AccountHooks(created, applications.publish_owned, applications.delete_owned)


def _provide_store(
    settings: Settings, platform: Platform, bearer: BearerVerifier, blocks: BlockService
) -> dict[type, object]:
    clock, redis = platform.clock, platform.quick_redis
    quick, patient = Bulkhead(_QUICK_CALLS, _QUICK_SECONDS), Bulkhead(_SLOW_CALLS, _SLOW_WAIT_SECONDS)
    tokens, enquirer = ApplicationTokens(bearer), Enquirer(platform.patient_redis, patient)
    return {
        SubscriptionService: SubscriptionService(platform.approvals, clock),
        FeedbackService: FeedbackService(clock),
        QuotaReader: QuotaReader(redis, quick),
        ApplicationTokens: tokens,
        TicketService: TicketService(tokens, redis, quick),
        PodReader: PodReader(redis, quick),
        ConnectionService: ConnectionService(enquirer),
        TailService: TailService(enquirer, platform.patient_redis, Bulkhead(_TAILS, 0.0)),
        BlockService: blocks,
        Storefront: Storefront(),
        Writer: Writer(settings.public_url),
        DocumentService: DocumentService(settings.public_url, clock),
        UsageReader: UsageReader(clock),
        BillReader: BillReader(clock),
    }


def _provide_publisher(
    settings: Settings, platform: Platform, policies: PolicyService, outside: Outside, mover: SubscriptionMover
) -> dict[type, object]:
    clock, addresses = platform.clock, outside.addresses
    secrets = BackendSecrets(platform.backend_sealer)
    issuers = ExternalIssuerService(settings.public_url, outside.reader, outside.introspection, clock)
    return {
        BackendSecrets: secrets,
        ApiService: ApiService(
            policies,
            secrets,
            issuer_repository.exists,
            document_repository.copy,
            mover.take_over,
            describe,
            platform.approvals,
            clock,
        ),
        SubscriptionMover: mover,
        CategoryService: CategoryService(clock),
        OrganisationService: OrganisationService(clock),
        PictureService: PictureService(clock),
        DocumentShelf: DocumentShelf(clock),
        ExternalIssuerService: issuers,
        Refresher: outside.refresher,
        AddressChecker: addresses,
        EndpointTester: EndpointTester(addresses, outside.slow),
    }


def _build_tokens(
    settings: Settings,
    clock: Clock,
    issuer: TokenIssuer,
    keyring: KeyRing,
    clients: ClientService,
    accounts: AccountService,
) -> TokenServices:
    revocations, token_endpoint = Revocations(clock), settings.public_url + TOKEN_PATH
    return TokenServices(
        clients=clients,
        issuer=issuer,
        reader=TokenReader(settings.public_url, keyring),
        revocations=revocations,
        grants=GrantService(issuer, revocations, clock),
        assertions=AssertionReader(settings.public_url, token_endpoint, clock),
        dpop=DpopReader(settings.public_url, clock),
        devices=DeviceService(clock),
        guesses=Guesses(clock),
        knows=accounts.is_active,
        scopes_of=accounts.scopes_of,
        operates=accounts.operates,
        clock=clock,
    )


def _lifespan(
    settings: Settings, platform: Platform, services: Services
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            await run_in_threadpool(_bootstrap, settings, platform, services)
            platform.pusher.start()
            for keeper in services.keepers:
                keeper.start()
            async with sending(platform.spans):
                yield
        finally:
            await run_in_threadpool(_close, platform, services)
            logs.finish()  # uvicorn has some last lines, and then ends of the signal that stopped it

    return lifespan


def _bootstrap(settings: Settings, platform: Platform, services: Services) -> None:
    """Make what must be there from the start, once, however many processes start together."""
    with platform.database.writing() as session:
        platform.database.lock(session, "bootstrap")
        audit.begin(session, audit.AuditContext(audit.SYSTEM, "", platform.clock))
        outbox.prepare(session)
        services.issuer.prepare(session)
        services.policies.prepare(session)
        services.accounts.prepare_cli(session)
        services.roles.prepare(session)
        services.environments.prepare(session, settings.gateway_url, settings.gateway_tls_url)
        services.choices.prepare(session)
        made_up = services.accounts.prepare_administrator(session, settings.admin_username, settings.first_password)
        if settings.bootstrap_client_id and settings.bootstrap_client_secret:
            secret = settings.bootstrap_client_secret.get_secret_value()
            services.accounts.prepare_client(session, settings.bootstrap_client_id, secret)
    if made_up is not None:
        sys.stderr.write(f"\nThe first administrator: {settings.admin_username} / {made_up}  (shown this once)\n\n")
        sys.stderr.flush()


def _close(platform: Platform, services: Services) -> None:
    for keeper in services.keepers:
        keeper.stop()
    platform.pusher.stop()
    for client in (platform.redis, platform.quick_redis, platform.patient_redis):
        disconnect(client)
    platform.database.close()
    if platform.spans is not None:
        platform.spans.close()
