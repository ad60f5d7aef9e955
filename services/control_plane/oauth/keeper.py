"""What must be done for keys and tokens though nobody asks for it."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from services.control_plane.kit.security import UnsealError

logger = logging.getLogger(__name__)

_STOP_SECONDS: Final = 10.0


class Chore:
    """Something to do again and again. One that fails is tried again a little later."""

    def __init__(self, name: str, every_seconds: float, do: Callable[[], None]) -> None:
        self.name = name
        self._every_seconds = every_seconds
        self._do = do
        self._due = 0.0

    def turn(self, now: float) -> None:
        """Do it if it is due."""
        if now < self._due:
            return
        self._due = now + self._every_seconds
        try:
            self._do()
        except (RedisError, SQLAlchemyError, OSError, RuntimeError, UnsealError) as error:
            self._due = now + max(self._every_seconds, 1.0)
            logger.warning("%s failed, and is tried again: %s", self.name, error)
        except Exception:
            # A fault of ours must not end the thread: nothing would tell the pods of revoked tokens any more.
            self._due = now + max(self._every_seconds, 1.0)
            logger.exception("%s failed, and is tried again", self.name)


class Keeper:
    """A thread that does chores. Every process may have one: each chore is harmless when done twice."""

    def __init__(self, poll_seconds: float, *chores: Chore) -> None:
        self._poll_seconds = poll_seconds
        self._chores = chores
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Look at once whether something is due."""
        self._wake.set()

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()
        if self._thread.ident is not None:  # it was started
            self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            for chore in self._chores:
                chore.turn(time.monotonic())
            self._wake.wait(self._poll_seconds)
