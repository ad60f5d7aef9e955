"""PostgreSQL with limits on both sides: a server that halts, or a network that swallows everything, tells nobody."""

import time
from typing import Any, Final

import psycopg
from psycopg.abc import RV, PQGen
from psycopg.rows import TupleRow
from sqlalchemy import Engine, ExceptionContext, event

STATEMENT_SECONDS: Final = 10
CONNECT_SECONDS: Final = 3
PING_SECONDS: Final = 2.0
ANSWER_SECONDS: Final = STATEMENT_SECONDS + 1.0
"""Longer than PostgreSQL itself takes to give a statement up."""

SERVER_LIMITS: Final = {
    "statement_timeout": f"{STATEMENT_SECONDS}s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "60s",
    "timezone": "UTC",
}

_READ_ONLY: Final = "25006"


class _SilentError(psycopg.OperationalError):
    """The server did not answer in time."""


class ImpatientConnection(psycopg.Connection[TupleRow]):
    """A connection that is given up when the server doesn't answer."""

    answer_seconds = ANSWER_SECONDS
    ping_seconds = PING_SECONDS

    def wait(self, gen: PQGen[RV], *args: Any, **options: Any) -> RV:
        """Wait for one exchange with the server."""
        # Outside a transaction there is only the pool, which asks whether the server is still there; and migrations.
        seconds = min(self.ping_seconds, self.answer_seconds) if self.autocommit else self.answer_seconds
        try:
            return super().wait(_limit(gen, seconds), *args, **options)
        except _SilentError:
            self.close()  # what it answers some day would be taken for the answer to something else
            raise


def limit_answers(engine: Engine, seconds: float, ping_seconds: float = PING_SECONDS) -> None:
    """Have no answer of the server be waited for any longer."""

    def connect(_: object, __: object, arguments: list[Any], options: dict[str, Any]) -> ImpatientConnection:
        connection = ImpatientConnection.connect(*arguments, **options)
        connection.answer_seconds = seconds
        connection.ping_seconds = ping_seconds
        return connection

    event.listen(engine, "do_connect", connect)


def leave_standbys(engine: Engine) -> None:
    """Have connections to a server that became a standby given up: it answers, so that the pool would keep them."""

    def handle(context: ExceptionContext) -> None:
        if is_passing(context.original_exception):
            context.is_disconnect = True

    event.listen(engine, "handle_error", handle)


def is_passing(error: BaseException | None) -> bool:
    """Tell whether a server says that it is only a standby, and the next one may be none."""
    return isinstance(error, psycopg.Error) and error.sqlstate == _READ_ONLY


def _limit(gen: PQGen[RV], seconds: float) -> PQGen[RV]:
    deadline = time.monotonic() + seconds
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if not ready and time.monotonic() > deadline:
                raise _SilentError(f"no answer within {seconds:.0f} s")
            wanted = gen.send(ready)
    except StopIteration as done:
        answer: RV = done.value
        return answer
