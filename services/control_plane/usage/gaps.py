"""What is missing in usage, and how it is known: nobody should take a sum for whole that isn't."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from redis import Redis
from sqlalchemy import func, inspect, update
from sqlalchemy import select as any_select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from services.control_plane.catalogue.beats import read_beats
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.database import Database
from services.control_plane.kit.redis_client import read_time
from services.control_plane.kit.rows import insert_new
from services.control_plane.usage.models import UsageGap, UsageReceipt, UsageWorker
from services.control_plane.usage.schemas import Gap
from shared.connections import Beat
from shared.usage import UsageBatch

LOST_AFTER: Final = timedelta(seconds=30)
"""A worker that is silent for so long is lost, unless it said that it goes. One that is heard again was not."""

_NOTED_AGAIN: Final = timedelta(seconds=10)
_LOOKED_BACK: Final = timedelta(hours=1)
_LATE: Final = timedelta(minutes=2)
"""Batches may be added out of order by so much: what another process has taken is taken over meanwhile."""

_MOST_GAPS: Final = 100
_MOST_COUNT: Final = 2**31 - 1


def note_batch(session: Session, batch: UsageBatch, now: datetime) -> None:
    """Note what a batch says of its worker."""
    _take_from_gap(session, batch)
    if batch.lost:
        times = [datetime.fromtimestamp(row.minute, UTC) for row in batch.rows] or [now]
        _add_gap(session, batch.worker, "no_room", batch.number, batch.pod, min(times), max(*times, now), batch.lost)
    if batch.last:
        values = {"pod": batch.pod, "until": now, "heard_at": now, "state": "ended"}
        if not insert_new(session, UsageWorker, worker=batch.worker, **values):
            _update(session, batch.worker, values)
        _forget_loss(session, batch.worker)


def _take_from_gap(session: Session, batch: UsageBatch) -> None:
    """Leave of a gap what is still missing after a batch that came late."""
    number, first, count = batch.number, col(UsageGap.number), col(UsageGap.count)
    covers = (UsageGap.worker == batch.worker, UsageGap.cause == "batches_lost", first <= number)
    gap = session.exec(select(UsageGap).where(*covers, first + count > number)).first()
    if gap is None:
        return
    left = ((gap.number, number - gap.number), (number + 1, gap.number + gap.count - number - 1))
    session.delete(gap)
    session.flush()
    for start, missing in left:
        if missing:
            _add_gap(session, batch.worker, "batches_lost", start, gap.pod, gap.since, gap.until, missing)


def find_gaps(session: Session, since: datetime, until: datetime, *, of_bills: bool = False) -> list[Gap]:
    """Return what is missing between two times, the latest first; not more than one can read."""
    overlapping = (col(UsageGap.since) < until, col(UsageGap.until) >= since)
    causes = () if of_bills else (col(UsageGap.cause) != "bill_began",)
    gaps = (
        select(UsageGap)
        .where(*overlapping, *causes)
        .order_by(col(UsageGap.until).desc(), col(UsageGap.worker), col(UsageGap.number))
    )
    return [Gap.model_validate(gap, from_attributes=True) for gap in session.exec(gaps.limit(_MOST_GAPS))]


def name_causes(gaps: Iterable[Gap], since: datetime, until: datetime) -> str:
    """Return in a few words why something may be missing between two times."""
    return " ".join(sorted({gap.cause for gap in gaps if gap.since < until and gap.until >= since}))


class GapFinder:
    """Any number of processes may look: what is found twice is noted once."""

    def __init__(self, database: Database, redis: Redis, clock: Clock) -> None:
        self._database = database
        self._redis = redis
        self._clock = clock

    def find_lost_workers(self) -> None:
        """Note who lives, and which workers went without a word."""
        beats = {worker: beat for worker, (beat, _) in read_beats(self._redis).items() if beat.usage_until is not None}
        now = datetime.fromtimestamp(read_time(self._redis), UTC)
        with self._database.reading() as session:
            known = {worker.worker: worker for worker in session.exec(select(UsageWorker))}
        heard = {worker: beat for worker, beat in beats.items() if _has_news(known.get(worker), beat, now)}
        silent = [
            worker
            for worker in known.values()
            if worker.state == "living" and _last_heard(worker, beats.get(worker.worker)) < now - LOST_AFTER
        ]
        if heard or silent:
            with self._database.writing() as session:
                for name, beat in heard.items():
                    _note_beat(session, name, beat)
                for worker in silent:
                    _note_lost(session, worker, beats.get(worker.worker), now)

    def find_lost_batches(self) -> None:
        """Note which batches never came, though later ones of their worker did."""
        now = self._clock()
        with self._database.reading() as session:
            holes = session.execute(_holes(now)).mappings().all()
        with self._database.writing() as session:
            for hole in holes:
                worker, last = hole["worker"], hole["last"]
                before = session.get(UsageReceipt, (worker, last))
                since = min(before.at if before else hole["checked_at"] or hole["at"], hole["at"])
                count = hole["number"] - last - 1
                _add_gap(session, worker, "batches_lost", last + 1, hole["pod"] or "", since, hole["at"], count)
                _set_checked(session, worker, hole["number"], hole["at"])
            if len(holes) < _MOST_GAPS:
                _check_off(session, now)


def _holes(now: datetime) -> Any:
    """Return the query for batches before which some are missing, of those that were not checked."""
    receipt, earlier = UsageReceipt, aliased(UsageReceipt)
    before = (
        any_select(func.max(earlier.number))
        .where(col(earlier.worker) == receipt.worker, col(earlier.number) < receipt.number)
        .scalar_subquery()
    )
    last = func.coalesce(before, UsageWorker.checked)
    columns = (col(receipt.worker), col(receipt.number), col(receipt.at), last.label("last"))
    return (
        any_select(*columns, col(UsageWorker.pod), col(UsageWorker.checked_at))
        .outerjoin(UsageWorker, col(UsageWorker.worker) == receipt.worker)
        .where(col(receipt.at) > now - _LOOKED_BACK, col(receipt.at) < now - _LATE)
        .where(col(receipt.number) > func.coalesce(UsageWorker.checked, -1), col(receipt.number) > last + 1)
        .order_by(receipt.worker, col(receipt.number))
        .limit(_MOST_GAPS)
    )


def _check_off(session: Session, now: datetime) -> None:
    """Remember up to where all is looked through: receipts are forgotten one day."""
    receipt = UsageReceipt
    time = inspect(receipt).columns["at"].type
    newest = (
        any_select(col(receipt.worker), func.max(receipt.number), func.max(receipt.at, type_=time))
        .join(UsageWorker, col(UsageWorker.worker) == receipt.worker)
        .where(col(receipt.at) > now - _LOOKED_BACK, col(receipt.at) < now - _LATE)
        .where(col(receipt.number) > func.coalesce(UsageWorker.checked, -1))
        .group_by(receipt.worker)
    )
    for worker, number, at in session.execute(newest).all():
        _set_checked(session, worker, number, at)


def _set_checked(session: Session, worker: str, number: int, at: datetime) -> None:
    lower = func.coalesce(UsageWorker.checked, -1) < number
    found = update(UsageWorker).where(col(UsageWorker.worker) == worker, lower)
    session.execute(found.values(checked=number, checked_at=at))


def _has_news(known: UsageWorker | None, beat: Beat, now: datetime) -> bool:
    """Tell whether a beat is worth writing down: not each is, and none that is old."""
    at = _time(beat.at)
    if at < now - LOST_AFTER or (known is not None and known.state == "ended"):
        return False
    if known is None or known.state == "lost":
        return known is None or known.heard_at < at
    return known.heard_at + _NOTED_AGAIN <= at


def _last_heard(worker: UsageWorker, last: Beat | None) -> datetime:
    return max(worker.heard_at, _time(last.at)) if last else worker.heard_at


def _note_beat(session: Session, worker: str, beat: Beat) -> None:
    values = {"pod": beat.pod, "until": _time(beat.usage_until), "heard_at": _time(beat.at), "state": "living"}
    began = _time(beat.started_at)
    is_young = _time(beat.at) - began < _LOOKED_BACK  # no batch of it is forgotten yet
    new = {"checked": -1, "checked_at": began} if is_young else {}
    if not insert_new(session, UsageWorker, worker=worker, **values, **new) and _update(session, worker, values):
        _forget_loss(session, worker)


def _forget_loss(session: Session, worker: str) -> None:
    """Take back that a worker is lost: it was away, and has what it counted."""
    gap = session.get(UsageGap, (worker, "pod_lost", 0))
    if gap is not None:
        session.delete(gap)


def _note_lost(session: Session, worker: UsageWorker, last: Beat | None, now: datetime) -> None:
    """Note what a worker had not sent, by its last beat where that is still there."""
    silent = (col(UsageWorker.state) == "living", col(UsageWorker.heard_at) < now - LOST_AFTER)
    heard_at = _last_heard(worker, last)
    if _update(session, worker.worker, {"state": "lost", "heard_at": heard_at}, *silent):
        since = _time(last.usage_until) if last else worker.until
        _add_gap(session, worker.worker, "pod_lost", 0, worker.pod, since, max(since, heard_at), 0)


def _time(seconds: float | None) -> datetime:
    return datetime.fromtimestamp(seconds or 0, UTC)


def _update(session: Session, worker: str, values: Mapping[str, Any], *where: Any) -> bool:
    """Change a worker that has not ended, and tell whether there is one."""
    changed = update(UsageWorker).where(col(UsageWorker.worker) == worker, col(UsageWorker.state) != "ended", *where)
    return session.execute(changed.values(**values).returning(col(UsageWorker.worker))).first() is not None


def _add_gap(
    session: Session, worker: str, cause: str, number: int, pod: str, since: datetime, until: datetime, count: int
) -> None:
    values = {"pod": pod, "since": since, "until": until, "count": min(count, _MOST_COUNT)}
    insert_new(session, UsageGap, worker=worker, cause=cause, number=number, **values)
