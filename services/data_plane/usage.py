"""How much each application uses each API: counted in memory, and sent in batches. No frame waits for it."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from typing import Final, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.data_plane.connection import Caller, Outcome
from services.data_plane.live import AT_ONCE
from services.data_plane.registry import Connection, Registry
from services.data_plane.telemetry import Telemetry
from shared import keys
from shared.definition import ApiDefinition, ApiId, KeyType
from shared.subscription import ApplicationDefinition, ApplicationId
from shared.usage import MINUTE_SECONDS, UsageBatch, UsageRow

log = logging.getLogger(__name__)

INTERVAL_SECONDS: Final = 10.0
"""What a pod that is killed loses at most."""

BATCH_ROWS: Final = 500
MOST_ROWS: Final = 50_000
"""While Redis is away rows add up, one a minute, application and API. What finds no room is lost, and counted."""

MOST_WAITING: Final = 2000
"""While so many batches wait in Redis, pods keep theirs: in memory the rows of a minute are one."""

LAST_SECONDS: Final = 2.0

_FIRST_OF_THEIRS: Final = 3000  # RFC 6455, section 7.4.2
_EARLY_SECONDS: Final = 0.1
_AGAIN_SECONDS: Final = 0.05


FindPolicy = Callable[[ApiDefinition | None, ApplicationDefinition | None], str]
"""Returns the policy under which an application is subscribed to an API now, or nothing."""


class Subject(NamedTuple):
    """What is counted apart."""

    minute: int
    api_id: ApiId | None
    application_id: ApplicationId | None
    key_type: KeyType
    policy: str


@dataclass(slots=True)
class Tally:
    """The counts of a subject, named as in `UsageRow`."""

    flow: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    closed: Counter[str] = field(default_factory=Counter)
    published_sizes: Counter[str] = field(default_factory=Counter)
    delivered_sizes: Counter[str] = field(default_factory=Counter)
    round_trips: Counter[str] = field(default_factory=Counter)


class UsageBook:
    """What happened and was not sent yet."""

    def __init__(self, clock: Callable[[], float], find_policy: FindPolicy) -> None:
        """`clock` is the wall clock in seconds."""
        self._clock = clock
        self._find_policy = find_policy
        self._tallies: dict[Subject, Tally] = {}
        self.lost = 0

    def note_refused(self, api: ApiDefinition | None, caller: Caller | None, slug: str) -> None:
        """Count a handshake that was refused, as far as it is known whose it was."""
        policy = self._find_policy(api, caller.application if caller else None)
        if tally := self._find(api, caller, policy):
            tally.refused[slug] += 1
        else:
            self.lost += 1

    def note_opened(self, connection: Connection) -> None:
        connection.policy = self._find_policy(connection.api, connection.caller.application)
        if tally := self._find_open(connection):
            tally.flow["opened"] += 1
        else:
            self.lost += 1

    def note_flow(self, connection: Connection) -> None:
        """Count what a connection did since this was last asked."""
        self._add_flow(connection, connection.outcome(time.monotonic()), self._find_open(connection))
        self.note_policy(connection)

    def note_policy(self, connection: Connection) -> None:
        """Count under the policy that a connection leaves what it did until then. One that goes leaves none."""
        policy = self._find_policy(connection.api, connection.caller.application)
        if policy and policy != connection.policy:
            self._add_flow(connection, connection.outcome(time.monotonic()), self._find_open(connection))
            connection.policy = policy

    def note_closed(self, connection: Connection, outcome: Outcome) -> None:
        tally = self._find_open(connection)
        self._add_flow(connection, outcome, tally)
        if tally:
            tally.closed[f"{outcome.cause}:{_class_of(outcome)}"] += 1
        else:
            self.lost += 1

    def _add_flow(self, connection: Connection, outcome: Outcome, tally: Tally | None) -> None:
        if tally is not None:  # else it is counted when there is room
            booked, connection.booked = connection.booked, outcome
            then = _flow(booked) if booked else {}
            for name, value in _flow(outcome).items():
                if more := value - then.get(name, 0):
                    tally.flow[name] += more
            _add(tally.published_sizes, outcome.published_sizes, booked.published_sizes if booked else {})
            _add(tally.delivered_sizes, outcome.delivered_sizes, booked.delivered_sizes if booked else {})
            _add(tally.round_trips, outcome.round_trips, booked.round_trips if booked else {})

    def _find_open(self, connection: Connection) -> Tally | None:
        return self._find(connection.api, connection.caller, connection.policy)

    def _find(self, api: ApiDefinition | None, caller: Caller | None, policy: str) -> Tally | None:
        application = caller.application if caller else None
        minute = int(self._clock()) // MINUTE_SECONDS * MINUTE_SECONDS
        subject = Subject(
            minute,
            api.id if api else None,
            application.id if application else None,
            caller.key_type if caller else "PRODUCTION",
            policy,
        )
        tally = self._tallies.get(subject)
        if tally is None:
            if len(self._tallies) >= MOST_ROWS:
                return None
            tally = self._tallies[subject] = Tally()
        return tally

    def __len__(self) -> int:
        return len(self._tallies)

    def take(self, count: int) -> tuple[UsageRow, ...]:
        """Take out the oldest rows."""
        subjects = list(self._tallies)[:count]
        return tuple(_row(subject, self._tallies.pop(subject)) for subject in subjects)


class UsageSender:
    """Sends what the book holds. A batch whose reply was lost is sent again under its number, before any other."""

    def __init__(
        self,
        redis: Redis,
        pod: str,
        worker: str,
        registry: Registry,
        book: UsageBook,
        settle: Callable[[], None],
        telemetry: Telemetry,
        clock: Callable[[], float],
    ) -> None:
        """`settle` has all that ended so far booked."""
        self._redis = redis
        self._pod = pod
        self._worker = worker
        self._registry = registry
        self.book = book
        self._settle = settle
        self._telemetry = telemetry
        self._clock = clock
        self._number = 0
        self._under_way: UsageBatch | None = None
        self._untold = 0  # counts that found no room, of which the control plane doesn't know
        self.sent_until = clock()
        """Up to when all that was counted is sent."""
        self._lock = asyncio.Lock()

    async def run(self) -> None:
        """Send at each full interval until cancelled: so what is counted belongs to the minute that is over."""
        while True:
            delay = (-_EARLY_SECONDS - self._clock()) % INTERVAL_SECONDS
            await asyncio.sleep(delay or INTERVAL_SECONDS)
            await self.flush()

    async def end(self) -> None:
        """Send what is left, and say what can't be sent: the pod goes.

        It tries more than once: after a restart of Redis the first that one hears of it is that connections are gone.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_SECONDS):
                while not await self.flush(LAST_SECONDS, last=True):  # noqa: ASYNC110 - nobody says that Redis is back
                    await asyncio.sleep(_AGAIN_SECONDS)
        left = len(self.book) + (len(self._under_way.rows) if self._under_way else 0)
        if left:
            log.error("%d rows of usage are lost: Redis did not take them", left)

    async def flush(self, seconds: float = INTERVAL_SECONDS / 2, *, last: bool = False) -> bool:
        """Count what open connections did, and send it as far as Redis takes it in time. Tell whether that was all."""
        now, sent = self._clock(), False
        for index, connection in enumerate(self._registry.all()):
            if index % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0)
            if not connection.relay.ended:
                self.book.note_flow(connection)
        try:
            async with asyncio.timeout(seconds), self._lock:
                sent = await self._send_all(last=last)
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("usage can't be sent, and is kept: %s", error)
        lost, self.book.lost = self.book.lost, 0
        self._untold += lost
        self._telemetry.usage_lost.inc(lost)
        if sent:
            self.sent_until = now
        return sent

    async def _send_all(self, *, last: bool) -> bool:
        """Send batch after batch, and tell whether that was all."""
        while await self._redis.xlen(keys.USAGE_STREAM) < MOST_WAITING:
            if self._under_way is None:
                self._settle()  # after the wait: what a drain dropped has ended by now
                rows = self.book.take(BATCH_ROWS)
                if not (rows or last or self._untold):
                    return True
                self._under_way = self._make_batch(rows, last=last and not len(self.book))
            batch = self._under_way
            await self._redis.xadd(keys.USAGE_STREAM, {"batch": batch.model_dump_json(exclude_defaults=True)})
            self._under_way = None
            if batch.last:
                return True
        return False

    def _make_batch(self, rows: tuple[UsageRow, ...], *, last: bool) -> UsageBatch:
        untold, self._untold = self._untold, 0
        number, self._number = self._number, self._number + 1
        return UsageBatch(worker=self._worker, pod=self._pod, number=number, rows=rows, last=last, lost=untold)


def _flow(outcome: Outcome) -> dict[str, int]:
    """Return what adds up. Times are whole milliseconds: so the parts of a connection add up to the whole."""
    return {
        "messages_published": outcome.messages_published,
        "messages_delivered": outcome.messages_delivered,
        "bytes_published": outcome.bytes_published,
        "bytes_delivered": outcome.bytes_delivered,
        "messages_dropped": outcome.messages_dropped,
        "delayed_ms": round(outcome.delayed_seconds * 1000),
        "connected_ms": round(outcome.seconds * 1000),
    }


def _add(counts: Counter[str], now: Mapping[int, int], then: Mapping[int, int]) -> None:
    """Count by exponents what came since then."""
    for exponent, count in now.items():
        if more := count - then.get(exponent, 0):
            counts[str(exponent)] += more


def _class_of(outcome: Outcome) -> str:
    """Return a close code, but for those that the ends make up: they would be as many as they like."""
    code = outcome.close_code
    theirs = outcome.cause in ("client_closed", "backend_closed") and code >= _FIRST_OF_THEIRS
    return f"{code // 1000}xxx" if theirs else str(code)


def _row(subject: Subject, tally: Tally) -> UsageRow:
    counted = {item.name: getattr(tally, item.name) for item in fields(tally) if item.name != "flow"}
    return UsageRow.model_validate({**subject._asdict(), **tally.flow, **counted})
