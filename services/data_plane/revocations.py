"""Tokens that were revoked before their time: known on every pod, and pushed to the connections that they opened."""

from collections.abc import Callable, Mapping
from typing import Final, cast

from redis.asyncio import Redis

from services.data_plane.backoff import persist
from services.data_plane.registry import Registry
from services.data_plane.streams import entries_of
from shared import keys

FOLLOW_MILLISECONDS: Final = 3000  # less than the 5 s after which an answer is given up
FOLLOW_COUNT: Final = 1000
RELOAD_SECONDS: Final = 60.0
"""How often the set is read again: what the stream lost, by whatever fault, is in it."""

KEPT_SECONDS: Final = 60.0
"""After a token has expired: clocks differ."""


class Revocations:
    """The revoked tokens by `jti`. What is known stays known when Redis is away, or was emptied."""

    def __init__(self, redis: Redis, clock: Callable[[], float], registry: Registry) -> None:
        """`clock` is the wall clock in seconds."""
        self._redis = redis
        self._clock = clock
        self._registry = registry
        self._expires: dict[str, float] = {}
        self._last_id: str | None = None
        self._loaded_at = 0.0

    def __contains__(self, jti: object) -> bool:
        return jti in self._expires

    async def run(self) -> None:
        """Follow until cancelled. Redis may come and go."""
        await persist(self._step, "revocations can't be followed", self._start_over)

    def _start_over(self) -> None:
        self._last_id = None

    async def _step(self) -> None:
        if self._last_id is None or self._clock() - self._loaded_at >= RELOAD_SECONDS:
            await self._load()
        answer = await self._redis.xread(
            {keys.REVOCATIONS_STREAM: self._last_id or "0-0"}, count=FOLLOW_COUNT, block=FOLLOW_MILLISECONDS
        )
        entries = entries_of(answer)
        if not entries:
            return
        self._take({fields["jti"]: float(fields["expires_at"]) for _, fields in entries})
        self._last_id = entries[-1][0]

    async def _load(self) -> None:
        """Read the set, and from where in the stream to go on: from before it was read."""
        now = self._clock()
        last = await self._redis.xrevrange(keys.REVOCATIONS_STREAM, count=1)
        found = await self._redis.zrangebyscore(keys.REVOCATIONS_SET, f"({now - KEPT_SECONDS}", "+inf", withscores=True)
        self._expires = {jti: at for jti, at in self._expires.items() if at > now - KEPT_SECONDS}
        self._take(dict(cast("list[tuple[str, float]]", found)))
        self._last_id = str(last[0][0]) if last else "0-0"
        self._loaded_at = now

    def _take(self, expires: Mapping[str, float]) -> None:
        """Remember tokens, and close what they opened."""
        new = expires.keys() - self._expires.keys()
        self._expires.update(expires)
        if not new:
            return
        for connection in self._registry.all():
            claims = connection.caller.claims
            if claims is not None and claims.jti in new:
                connection.relay.close("token_revoked")
