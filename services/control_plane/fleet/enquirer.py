"""Questions to all pods at once, and their answers."""

import time
from dataclasses import dataclass
from typing import Any, Final, cast

from pydantic import ValidationError
from redis import Redis
from redis.exceptions import RedisError

from services.control_plane.fleet.errors import pods_silent, pods_unavailable
from services.control_plane.kit.bulkhead import Bulkhead
from services.control_plane.kit.problems import NotFoundError
from services.control_plane.kit.redis_client import read_time
from services.control_plane.kit.security import new_id
from shared import keys
from shared.connections import (
    ANSWER_SECONDS,
    Answer,
    CloseConnections,
    ListConnections,
    OpenConnection,
    Question,
    RenewConnection,
    WatchConnections,
)

STREAM_LENGTH: Final = 100
STREAM_SECONDS: Final = 60

_LEAST_WAIT_SECONDS: Final = 0.01  # to Redis, no seconds are no limit


@dataclass(frozen=True, slots=True)
class Answers:
    """What came in time, and how many workers said nothing."""

    answers: list[Answer]
    unanswered: int

    @property
    def matched(self) -> int:
        return sum(answer.matched for answer in self.answers)

    @property
    def connections(self) -> list[OpenConnection]:
        """The first that were asked for, in their order."""
        return [connection for answer in self.answers for connection in answer.connections]

    def the_one(self) -> Answer:
        """Return the answer of the worker that has the connection.

        Raises `NotFoundError`, or `UnavailableError` where it may be with one that said nothing.
        """
        found = next((answer for answer in self.answers if answer.matched), None)
        if found is None:
            raise pods_silent(self.unanswered) if self.unanswered else NotFoundError()
        return found


class Enquirer:
    """Asks. `redis` must wait longer for an answer than questions do."""

    def __init__(self, redis: Redis, bulkhead: Bulkhead) -> None:
        self._redis = redis
        self._bulkhead = bulkhead

    def ask(self, question: Question) -> Answers:
        """Return what the workers say until all have, or their time is over. Raises `UnavailableError`."""
        with self._bulkhead.place():
            try:
                return self._ask(question, new_id())
            except (RedisError, OSError) as error:
                raise pods_unavailable() from error

    def tell(self, question: Question) -> None:
        """Put a question whose answers nobody waits for. Raises `RedisError` or `OSError`."""
        self._put(question, new_id())

    def _put(self, question: Question, asked: str) -> None:
        pipe: Any  # the client's types know no plain strings
        with self._redis.pipeline() as pipe:
            entry = {"id": asked, "question": question.model_dump_json(exclude_none=True)}
            pipe.xadd(keys.CONNECTION_QUESTIONS, entry, maxlen=STREAM_LENGTH)
            pipe.expire(keys.CONNECTION_QUESTIONS, STREAM_SECONDS)
            pipe.execute()

    def _ask(self, question: Question, asked: str) -> Answers:
        deadline, answers_at = time.monotonic() + ANSWER_SECONDS, keys.connection_answers(asked)
        living = self._redis.zcount(keys.PODS, read_time(self._redis), "+inf")
        self._put(question, asked)
        answers: list[Answer] = []
        heard = 0
        while heard < living and (left := deadline - time.monotonic()) > 0:
            found = self._redis.blpop([answers_at], max(left, _LEAST_WAIT_SECONDS))
            if found is None:
                break
            heard += 1
            answer = _read(cast("tuple[str, str]", found)[1])
            if answer is not None:
                answers.append(answer)
                if answer.matched and _is_about_one(question):
                    return Answers(answers, 0)
        self._redis.delete(answers_at)
        return Answers(answers, max(0, living - len(answers)))


def _read(text: str) -> Answer | None:
    """Return an answer, or None for one of another version that can't be read."""
    try:
        return Answer.model_validate_json(text)
    except ValidationError:
        return None


def _is_about_one(question: Question) -> bool:
    match question:
        case RenewConnection():
            return True
        case WatchConnections():
            return False
        case ListConnections() | CloseConnections():
            return question.selection.id is not None
