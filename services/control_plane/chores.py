"""The threads that do what must be done though nobody asks for it: none of them waits for another."""

from collections.abc import Sequence
from typing import Final, Protocol

from redis import Redis
from sqlmodel import Session

from services.control_plane.catalogue.pusher import RECONCILE_SECONDS
from services.control_plane.issuers.refreshing import Refresher
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.database import Database
from services.control_plane.oauth.announcer import Announcer
from services.control_plane.oauth.keeper import Chore, Keeper
from services.control_plane.oauth.keyring import KeyRing
from services.control_plane.oauth.revocation import has_pending
from services.control_plane.oauth.signing import IssuerService
from services.control_plane.usage.collector import UsageCollector
from services.control_plane.usage.gaps import GapFinder
from services.control_plane.workflow.queue import has_queued
from services.control_plane.workflow.sending import Sender

_POLL_SECONDS: Final = 0.5
_KEYS_SECONDS: Final = 5.0
_SWEEP_SECONDS: Final = 60.0
_COLLECT_SECONDS: Final = 1.0
_WORKERS_SECONDS: Final = 5.0
_HINTS_SECONDS: Final = 1.0
_SEND_SECONDS: Final = 1.0
_ISSUERS_SECONDS: Final = 15.0


class Sweeper(Protocol):
    """Has something that expires."""

    def sweep(self, session: Session) -> bool:
        """Forget some that has expired, and tell whether there may be more."""


def make_keepers(
    database: Database,
    redis: Redis,
    clock: Clock,
    keyring: KeyRing,
    signing: IssuerService,
    parts: Sequence[Sweeper],
    refresher: Refresher,
    sender: Sender,
) -> tuple[Keeper, ...]:
    """Return the threads. Of `parts` is swept out what has expired."""
    collector = UsageCollector(database, redis, clock)
    return (
        _make_teller(database, Announcer(database, redis, clock)),
        _make_tidier(database, keyring, signing, (*parts, collector)),
        _make_counter(collector, GapFinder(database, redis, clock)),
        _make_asker(refresher),
        _make_sender(database, sender),
    )


def _make_teller(database: Database, announcer: Announcer) -> Keeper:
    """Return who tells the pods of revoked tokens: nothing slow may hold it up."""
    telling = Keeper(
        _POLL_SECONDS,
        Chore("Telling the pods of revoked tokens", 0, announcer.send),
        Chore("Comparing revoked tokens with Redis", RECONCILE_SECONDS, announcer.reconcile),
    )
    database.on_commit(lambda session: telling.wake() if has_pending(session) else None)
    return telling


def _make_tidier(database: Database, keyring: KeyRing, signing: IssuerService, parts: Sequence[Sweeper]) -> Keeper:
    """Return who reads the signing keys, and forgets what has expired."""

    def load() -> None:
        with database.reading() as session:
            keyring.load(session)

    def sweep() -> None:
        with database.writing() as session:
            signing.sweep(session)
        for part in parts:
            more = True
            while more:
                with database.writing() as session:
                    more = part.sweep(session)

    return Keeper(
        _POLL_SECONDS,
        Chore("Reading the signing keys", _KEYS_SECONDS, load),
        Chore("Sweeping out what has expired", _SWEEP_SECONDS, sweep),
    )


def _make_counter(collector: UsageCollector, finder: GapFinder) -> Keeper:
    """Return who takes what pods count, and notes what is missing."""
    return Keeper(
        _COLLECT_SECONDS,
        Chore("Collecting usage", _COLLECT_SECONDS, collector.collect),
        Chore("Looking for pods that are lost", _WORKERS_SECONDS, finder.find_lost_workers),
        Chore("Looking for usage that is lost", _SWEEP_SECONDS, finder.find_lost_batches),
    )


def _make_asker(refresher: Refresher) -> Keeper:
    """Return who reads the keys of external issuers, over the networks of others."""
    return Keeper(
        _POLL_SECONDS,
        Chore("Reading the keys that pods ask for", _HINTS_SECONDS, refresher.follow_hints),
        Chore("Reading the keys of external issuers", _ISSUERS_SECONDS, refresher.refresh_due),
    )


def _make_sender(database: Database, sender: Sender) -> Keeper:
    """Return who sends events to webhooks, whose receivers may take their time."""
    sending = Keeper(_SEND_SECONDS, Chore("Sending events to webhooks", 0, sender.send))
    database.on_commit(lambda session: sending.wake() if has_queued(session) else None)
    return sending
