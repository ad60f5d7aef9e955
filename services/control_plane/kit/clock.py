from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Says what time it is: aware, in UTC."""


def system_clock() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the one place where the clock is read
