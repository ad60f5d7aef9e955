"""What happens on connections, passed on while somebody reads it."""

import json
import time
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime
from typing import Any, Final, cast

from pydantic import ValidationError
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from services.control_plane.fleet.enquirer import Enquirer
from services.control_plane.kit.bulkhead import Bulkhead, Shares
from services.control_plane.kit.problems import ProblemError
from services.control_plane.kit.security import new_id
from shared import keys
from shared.connections import Selection, WatchConnections
from shared.tail import RENEW_SECONDS, TAIL_SECONDS, TailBatch, TailEvent

ALIVE_SECONDS: Final = 10.0
"""So often a line comes though nothing happens: whoever stands between keeps the connection open."""

CHECK_SECONDS: Final = 5.0
"""So often it is asked whether whoever reads still may."""

PLACES_EACH: Final = 2
"""So many tails an account has at once."""

_READ_BATCHES: Final = 20
_BLOCK_MILLISECONDS: Final = 1000


Check = Callable[[], object]
Lines = Generator[str]
Totals = dict[tuple[str, float], int]
"""How much each worker told or left out, since it began."""


class TailService:
    """Reads what pods tell. Each reader takes a thread, so `places` must be few; `redis` must wait a second or two."""

    def __init__(self, enquirer: Enquirer, redis: Redis, places: Bulkhead) -> None:
        self._enquirer = enquirer
        self._redis = redis
        self._places = places
        self._shares = Shares(PLACES_EACH)

    def watch(self, account_id: str, selection: Selection, sample: int, seconds: float, check: Check) -> Lines:
        """Return lines of JSON until the time is over, Redis is gone, or `check` raises `ProblemError`.

        Whoever reads them closes them: they hold a place. Raises `UnavailableError`.
        """
        question = WatchConnections(id=new_id(), selection=selection, sample=sample)
        lines = self._watch(account_id, question, seconds, check)
        next(lines)
        return lines

    def _watch(self, account_id: str, question: WatchConnections, seconds: float, check: Check) -> Lines:
        with self._shares.place(account_id), self._places.place():
            asked = time.monotonic()
            found = self._enquirer.ask(question)
            yield ""  # up to here it is still time to refuse; and what has begun can be closed
            yield _line("watching", connections=found.matched, unanswered=found.unanswered)
            try:
                yield from self._follow(question, asked, asked + seconds, check)
            except (RedisError, OSError, SQLAlchemyError):
                yield _line("ended", cause="unavailable")
            except ProblemError:
                yield _line("ended", cause="forbidden")
            else:
                yield _line("ended", cause="over")

    def _follow(self, question: WatchConnections, asked: float, until: float, check: Check) -> Iterator[str]:
        last_id, totals, spoke, checked = "0-0", Totals(), asked, asked
        while (now := time.monotonic()) < until:
            if now >= asked + RENEW_SECONDS:
                if now >= asked + TAIL_SECONDS:  # who reads was held up, and pods have stopped
                    yield _line("interrupted")
                self._enquirer.tell(question)
                asked = now
            if now >= checked + CHECK_SECONDS:
                check()
                checked = now
            entries = self._read(keys.tail(question.id), last_id, until - now)
            for last_id, fields in entries:  # noqa: B007 - where to go on
                yield from _lines(fields, totals)
                spoke = now
            if now >= spoke + ALIVE_SECONDS:
                yield _line("alive")
                spoke = now
            yield ""  # nothing is sent; but only between two lines can a reader leave

    def _read(self, stream: str, last_id: str, seconds: float) -> list[tuple[str, dict[str, str]]]:
        block = max(1, min(_BLOCK_MILLISECONDS, int(seconds * 1000)))
        answer = self._redis.xread({stream: last_id}, count=_READ_BATCHES, block=block)
        streams = cast("list[tuple[str, list[tuple[str, dict[str, str]]]]]", answer)
        return streams[0][1] if streams else []


def _lines(fields: dict[str, str], totals: Totals) -> Iterator[str]:
    """Yield what a batch tells, and before it how much is missing."""
    try:
        batch = TailBatch.model_validate_json(fields["batch"])
    except (ValidationError, KeyError):  # of another version
        return
    teller = (batch.worker, batch.since)
    missing = batch.total - totals.get(teller, 0) - len(batch.events)
    totals[teller] = batch.total
    if missing > 0:
        yield _line("left_out", count=missing)
    for event in batch.events:
        yield _line(**_read_event(event))


def _read_event(event: TailEvent) -> dict[str, Any]:
    at = datetime.fromtimestamp(event.at, UTC).isoformat(timespec="milliseconds")
    return event.model_dump(exclude_none=True) | {"at": at}


def _line(event: str, **more: Any) -> str:
    return json.dumps({"event": event, **more}, separators=(",", ":")) + "\n"
