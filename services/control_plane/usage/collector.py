"""From the pods' stream to the tables: each batch is added once, whoever is killed in between."""

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from pydantic import ValidationError
from redis import Redis
from redis.exceptions import ResponseError
from sqlalchemy.exc import DataError, IntegrityError
from sqlmodel import Session

from services.control_plane.kit.clock import Clock
from services.control_plane.kit.database import Database
from services.control_plane.kit.rows import add_up, delete_until, insert_new
from services.control_plane.kit.security import new_id
from services.control_plane.usage.billing import add_to_bills
from services.control_plane.usage.gaps import note_batch
from services.control_plane.usage.models import (
    COUNTS,
    KINDS,
    Usage,
    UsageBill,
    UsageCause,
    UsageGap,
    UsageReceipt,
    UsageWorker,
)
from services.control_plane.usage.steps import KEPT, STEPS, floor
from shared import keys
from shared.usage import UsageBatch, UsageRow

logger = logging.getLogger(__name__)

GROUP: Final = "sql"
RECEIPTS_KEPT: Final = timedelta(days=2)
"""Longer than any batch is sent again."""

_ENTRIES: Final = 50
_ABANDONED_MS: Final = 5_000
"""What another process has taken, and not added for so long, is taken over from it."""

_POISON: Final = (DataError, IntegrityError, OverflowError, ValueError)
"""What a batch of its own does wrong, and no database that is away."""

Entry = tuple[str, dict[str, str]]
Key = tuple[Any, ...]


class UsageCollector:
    """Any number of processes may collect at once: the group gives each entry to one of them."""

    def __init__(self, database: Database, redis: Redis, clock: Clock) -> None:
        self._database = database
        self._redis = redis
        self._clock = clock
        self._name = new_id()

    def collect(self) -> None:
        """Add what is in the stream."""
        try:
            self._collect_all()
        except ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            self._redis.xgroup_create(keys.USAGE_STREAM, GROUP, id="0", mkstream=True)
            self._collect_all()

    def sweep(self, session: Session) -> bool:
        """Forget some of what was kept long enough, and tell whether there may be more."""
        now = self._clock()
        if delete_until(session, UsageReceipt.at, now - RECEIPTS_KEPT):
            return True
        kept = now - KEPT["day"]
        if any(delete_until(session, time, kept) for time in (UsageBill.month, UsageGap.until)):
            return True
        if delete_until(session, UsageWorker.heard_at, now - RECEIPTS_KEPT):
            return True
        tables = (Usage, UsageCause)
        return any(delete_until(session, table.at, now - KEPT[step], step=step) for table in tables for step in STEPS)

    def _collect_all(self) -> None:
        while self._collect_some():
            pass

    def _collect_some(self) -> bool:
        entries = self._take_abandoned() or self._take_new()
        if not entries:
            return False
        batches = dict(self._read_all(entries))
        try:
            self._add(batches.values())
            done = list(batches)
        except _POISON:
            done = [id_ for id_, batch in batches.items() if self._add_alone(batch)]
        if done:
            with self._redis.pipeline() as pipe:
                pipe.xack(keys.USAGE_STREAM, GROUP, *done)
                pipe.xdel(keys.USAGE_STREAM, *done)
                pipe.execute()
        return True

    def _add(self, batches: Collection[UsageBatch]) -> None:
        with self._database.writing() as session:
            now = self._clock()
            new = [batch for batch in batches if self._is_new(session, batch, now)]
            rows = [row for batch in new for row in batch.rows]
            _add_rows(session, rows)
            add_to_bills(session, rows, now)
            for batch in new:
                note_batch(session, batch, now)

    def _add_alone(self, batch: UsageBatch) -> bool:
        """Add a batch, or say that it can't be: it must not keep others out. Tell whether it is done with."""
        try:
            self._add([batch])
        except _POISON:
            logger.exception("usage of %s, batch %d, can't be added, and is left out", batch.worker, batch.number)
        return True

    def _read_all(self, entries: Iterable[Entry]) -> Iterator[tuple[str, UsageBatch]]:
        """Yield what can be read. The rest stays, for a newer control plane may come to read it."""
        for id_, fields in entries:
            try:
                yield id_, UsageBatch.model_validate_json(fields["batch"])
            except (ValidationError, KeyError) as error:
                logger.warning("usage %s can't be read here: %s", id_, error)

    def _take_abandoned(self) -> list[Entry]:
        answer = self._redis.xautoclaim(keys.USAGE_STREAM, GROUP, self._name, _ABANDONED_MS, "0-0", count=_ENTRIES)
        return [entry for entry in answer[1] if entry[1]]

    def _take_new(self) -> list[Entry]:
        answer = self._redis.xreadgroup(GROUP, self._name, {keys.USAGE_STREAM: ">"}, count=_ENTRIES)
        streams = cast("list[tuple[str, list[Entry]]]", answer)
        return streams[0][1] if streams else []

    @staticmethod
    def _is_new(session: Session, batch: UsageBatch, now: datetime) -> bool:
        return insert_new(session, UsageReceipt, worker=batch.worker, number=batch.number, at=now)


def _add_rows(session: Session, rows: Iterable[UsageRow]) -> None:
    """Add rows to the sums of their minute, hour and day."""
    usage: dict[Key, Counter[str]] = {}
    causes: Counter[Key] = Counter()
    for row in rows:
        minute = datetime.fromtimestamp(row.minute, UTC)
        for step in STEPS:
            key = (step, floor(minute, step), row.api_id or "", row.application_id or "", row.key_type)
            usage.setdefault(key, Counter()).update({name: getattr(row, name) for name in COUNTS})
            for kind in KINDS:
                for cause, count in getattr(row, kind).items():
                    causes[*key, kind, cause] += count
    subject = ("step", "at", "api_id", "application_id", "key_type")
    add_up(session, Usage, [_row(subject, key, counts) for key, counts in usage.items()], COUNTS)
    named = (*subject, "kind", "cause")
    add_up(session, UsageCause, [_row(named, key, {"count": count}) for key, count in causes.items()], ("count",))


def _row(names: tuple[str, ...], key: Key, counts: Mapping[str, int]) -> dict[str, Any]:
    return dict(zip(names, key, strict=True)) | dict(counts)
