"""How long a pod goes on with a configuration that nobody confirms, and what it does then."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Literal

from services.data_plane.drain import close_evenly
from services.data_plane.refusal import come_back_later
from services.data_plane.registry import Registry
from services.data_plane.ticks import tick

log = logging.getLogger(__name__)

WATCH_SECONDS: Final = 0.5


class Staleness:
    """Whether the configuration is too old to be relied on. Without a limit it never is."""

    def __init__(
        self,
        age_seconds: Callable[[], float | None],
        limit_seconds: float | None,
        on_stale: Literal["serve", "refuse_new", "close"],
    ) -> None:
        self._age_seconds = age_seconds
        self._limit_seconds = limit_seconds
        self._on_stale = on_stale

    @property
    def stale(self) -> bool:
        age = self._age_seconds()
        return age is not None and self._limit_seconds is not None and age > self._limit_seconds

    @property
    def refusing(self) -> bool:
        """Whether nobody is admitted."""
        return self._on_stale != "serve" and self.stale

    def check(self) -> None:
        """Refuse a handshake by what may no longer hold. Raises `RefusedError`."""
        if self.refusing:
            raise come_back_later("stale_configuration")

    async def watch(self, registry: Registry, close_seconds: float) -> None:
        """Say when it begins and ends, and close what is open if that is asked for, until cancelled."""
        while True:
            await self._until(stale=True)
            log.warning("no configuration was confirmed for %s s: %s", self._limit_seconds, self._on_stale)
            while self._on_stale == "close" and self.stale:
                await close_evenly(registry, "stale_configuration", close_seconds, going_on=lambda: self.stale)
                await asyncio.sleep(WATCH_SECONDS)
            await self._until(stale=False)
            log.warning("the configuration is confirmed again")

    async def _until(self, *, stale: bool) -> None:
        while self.stale != stale:
            await tick(WATCH_SECONDS)
