"""Carries the outbox to Redis, and repairs Redis where it holds something else.

Any number of processes may do this at once: the script takes each revision once and in order, and a snapshot only goes
where nothing changed meanwhile. So no process needs to lead, and none can be missing.
"""

import logging
import random
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from typing import Final

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session as AnySession
from sqlmodel import Session

from services.control_plane.catalogue import outbox, repository
from services.control_plane.catalogue.mirror import Mirror, Snapshot
from services.control_plane.catalogue.models import OutboxEntry
from services.control_plane.kit import audit
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.database import Database
from shared.catalogue import NO_DIGEST, STREAM_LENGTH, Change, Mark

logger = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.5
RECONCILE_SECONDS: Final = 15.0
KEPT_FOR: Final = timedelta(hours=1)
MOST_LOST: Final = 1_000_000_000
"""Revisions that a database from a backup may lack. A pod that says more is not believed."""

_BATCH: Final = 200
_FIRST_BACKOFF_SECONDS: Final = 0.1
_LAST_BACKOFF_SECONDS: Final = 5.0
_STOP_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class PusherStatus:
    """How far Redis is. `failures` counts turns in a row that ended in an error, `epochs` those that were begun."""

    revision: int
    failures: int
    epochs: int = 0


class Pusher:
    """A thread that pushes as soon as something was committed, here or by another process."""

    def __init__(self, database: Database, mirror: Mirror, clock: Clock, randomness: random.Random) -> None:
        self._database = database
        self._mirror = mirror
        self._clock = clock
        self._randomness = randomness
        self._thread = threading.Thread(target=self._run, name="pusher", daemon=True)
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._progress = threading.Condition()
        self._status = PusherStatus(revision=0, failures=0)
        self._reconcile_at = 0.0

    def start(self) -> None:
        self._database.on_commit(self._on_commit)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()
        if self._thread.ident is not None:  # it was started
            self._thread.join(_STOP_SECONDS)

    def status(self) -> PusherStatus:
        return self._status

    def flush(self, timeout: float) -> bool:
        """Wait until Redis has all that is committed by now, and tell whether that came in time."""
        with self._database.reading() as session:
            wanted = repository.get_state(session).revision
        self._wake.set()
        with self._progress:
            return self._progress.wait_for(lambda: self._status.revision >= wanted, timeout)

    def turn(self) -> None:
        """Push what waits, and compare with Redis when it is time to."""
        if time.monotonic() >= self._reconcile_at:
            self.reconcile()
            self._reconcile_at = time.monotonic() + RECONCILE_SECONDS
        self._drain()

    def reconcile(self) -> None:
        """Make Redis hold what SQL holds, if it doesn't, and forget what was sent long ago."""
        self._mirror.offer_key()
        # Before SQL: what pods and Redis know of this epoch was committed before.
        witnesses, theirs = self._mirror.read_witnesses(), self._mirror.read_mark()
        with self._database.reading() as session:
            ours = repository.get_state(session).mark
            waiting = bool(repository.list_unsent(session, 1))
        if find_lost(ours, theirs, witnesses):
            self._repair()
        elif theirs == ours:
            self._advance(ours.revision)
        elif theirs is None or theirs.epoch != ours.epoch or theirs.revision >= ours.revision or not waiting:
            self._repair()
        with self._database.writing() as session:
            repository.delete_sent(session, self._clock() - KEPT_FOR)

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                self.turn()
            except (RedisError, SQLAlchemyError, OSError) as error:
                failures += 1
                wait = self._backoff(failures)
                logger.warning("Pushing the catalogue failed, again in %.1f s: %s", wait, error)
            except Exception:
                # A fault of ours must not end the thread: nothing would reach the pods any more.
                failures += 1
                wait = self._backoff(failures)
                logger.exception("Pushing the catalogue failed, again in %.1f s", wait)
            else:
                failures, wait = 0, POLL_SECONDS
            self._status = replace(self._status, failures=failures)
            if self._wake.wait(wait) and failures:
                self._stopping.wait(wait)  # new work does not shorten the wait for a Redis that is away
            self._wake.clear()

    def _backoff(self, failures: int) -> float:
        """Return a wait with full jitter."""
        return self._randomness.uniform(0, min(_LAST_BACKOFF_SECONDS, _FIRST_BACKOFF_SECONDS * 2 ** min(failures, 10)))

    def _drain(self) -> None:
        while not self._stopping.is_set():
            with self._database.reading() as session:
                ours = repository.get_state(session).mark  # before the entries: so none up to it is overlooked
                entries = repository.list_unsent(session, _BATCH)
                before = repository.find_digest(session, entries[0].revision - 1) if entries else ""
            if not entries:
                self._advance(ours.revision)
                return
            if "gap" in self._mirror.push(ours.epoch, before, [(_change(entry), entry.digest) for entry in entries]):
                self._repair()
            else:
                self._confirm(entries[-1].revision)

    def _repair(self) -> None:
        """Replace all that Redis holds by what SQL holds."""
        while not self._stopping.is_set():
            witnesses, expected = self._mirror.read_witnesses(), self._mirror.read_mark()
            with self._database.snapshot() as session:
                snapshot = _snapshot(session)
            if lost := find_lost(snapshot.mark, expected, witnesses):
                self._begin_epoch(snapshot.mark, lost)
            elif self._mirror.replace(snapshot, expected):
                logger.info("Redis was given the catalogue anew, revision %d", snapshot.mark.revision)
                self._confirm(snapshot.mark.revision)
                return

    def _begin_epoch(self, ours: Mark, lost: int) -> None:
        """Leave behind the revisions that a restored database no longer knows, so that none is used twice."""
        with self._database.writing() as session:
            state = repository.lock_state(session)
            if state.mark != ours:
                return  # another process did
            state.epoch = outbox.new_epoch()
            state.revision = lost + 1
            repository.delete_all_entries(session)
            audit.begin(session, audit.AuditContext(audit.SYSTEM, "", self._clock))
            audit.record(session, "catalogue.begin_epoch", "catalogue", state.epoch)
        logger.warning("The database went back from revision %d to %d: a new epoch begins", lost, ours.revision)
        self._status = replace(self._status, epochs=self._status.epochs + 1)

    def _confirm(self, revision: int) -> None:
        with self._database.writing() as session:
            repository.mark_sent(session, revision, self._clock())
        self._advance(revision)

    def _advance(self, revision: int) -> None:
        with self._progress:
            self._status = replace(self._status, revision=revision)
            self._progress.notify_all()

    def _on_commit(self, session: AnySession) -> None:
        if outbox.has_changed(session):
            self._wake.set()


def find_lost(ours: Mark, theirs: Mark | None, witnesses: Mapping[str, int]) -> int | None:
    """Return the latest revision of this epoch that Redis or a pod has and SQL has not, or None.

    They must have been read before SQL: then SQL went back.
    """
    witnessed = witnesses.get(ours.epoch, 0)
    known = [
        theirs.revision if theirs is not None and theirs.epoch == ours.epoch else 0,
        witnessed if witnessed <= ours.revision + MOST_LOST else 0,
    ]
    return max(known) if max(known) > ours.revision else None


def _change(entry: OutboxEntry, before: str | None = None) -> Change:
    return Change(entry.revision, entry.kind, entry.id, entry.body, before)


def _snapshot(session: Session) -> Snapshot:
    state = repository.get_state(session)
    objects = [(item.kind, item.id, item.body) for item in repository.list_objects(session)]
    changes = _follow_on(repository.list_latest(session, STREAM_LENGTH))
    return Snapshot(state.mark, objects, contiguous(changes, state.revision))


def _follow_on(entries: Sequence[OutboxEntry]) -> Sequence[Change]:
    """Return changes of which is known what they were made to: not of the first, unless it was the first of all."""
    begins = [(NO_DIGEST, entry) for entry in entries[:1] if entry.revision == 1]
    return [_change(entry, digest) for digest, entry in begins + [(one.digest, two) for one, two in pairwise(entries)]]


def contiguous(changes: Sequence[Change], revision: int) -> Sequence[Change]:
    """Return the longest run of changes that ends at a revision: the stream has no holes."""
    start = len(changes)
    while start and changes[start - 1].revision == revision - (len(changes) - start):
        start -= 1
    return changes[start:]
