"""When an open connection has to end by the clock: expiry, age, idleness, a client that no longer answers."""

import math
from typing import Final, NamedTuple

from services.data_plane.keepalive import keep_alive
from services.data_plane.relay import Relay

PONG_SECONDS: Final = 20.0
PROBED_AFTER_SECONDS: Final = 10.0
"""So long the kernel need not look after a backend: most of a storm of connections is over by then."""


class Terms(NamedTuple):
    """What an API says of the times of a connection, on the monotonic clock; infinity is never."""

    ages_at: float = math.inf
    idle_seconds: float = math.inf
    ping_seconds: float = math.inf


class Liveness:
    """Looks after one connection whenever something may be due."""

    __slots__ = (
        "_expires_at",
        "_heard",
        "_heard_at",
        "_pinged_at",
        "_probed_at",
        "_relay",
        "_seen",
        "_terms",
        "seen_at",
    )

    def __init__(self, relay: Relay, terms: Terms, now: float) -> None:
        self._relay = relay
        self._terms = terms
        self._expires_at = math.inf
        self._seen = relay.activity
        self._heard = relay.heard
        self._heard_at = now
        self._pinged_at = math.inf
        self._probed_at = now + PROBED_AFTER_SECONDS
        self.seen_at = now

    def last_seen(self, now: float) -> float:
        """Return when traffic was last noticed, by looking now."""
        self._look(now)
        return self.seen_at

    def expire_at(self, expires_at: float) -> None:
        """Have the connection end at a time of the monotonic clock."""
        self._expires_at = expires_at

    def check(self, now: float) -> float:
        """Do what is due, and return when to look again."""
        relay, terms = self._relay, self._terms
        self._look(now)
        if now >= self._probed_at:
            self._probed_at = math.inf
            keep_alive(relay.backend.source)
        if now >= self._expires_at:
            return self._end("token_expired")
        if now >= terms.ages_at:
            return self._end("max_age_reached")
        if now - self.seen_at >= terms.idle_seconds:
            return self._end("idle_timeout")
        if now - self._pinged_at >= PONG_SECONDS:
            return self._end("ping_timeout")
        if self._pinged_at == math.inf and now - self._heard_at >= terms.ping_seconds and relay.ping():
            self._pinged_at = now
        return self.next_due(now)

    def next_due(self, now: float) -> float:
        """Return when to look again. Idleness is judged by looking: four times, so that it is noticed soon."""
        terms = self._terms
        ping = self._pinged_at + PONG_SECONDS if self._pinged_at < math.inf else self._heard_at + terms.ping_seconds
        idle = min(self.seen_at + terms.idle_seconds, now + terms.idle_seconds / 4)
        return max(now, min(self._expires_at, terms.ages_at, idle, ping, self._probed_at))

    def _look(self, now: float) -> None:
        if (activity := self._relay.activity) != self._seen:
            self._seen, self.seen_at = activity, now
        if (heard := self._relay.heard) != self._heard:
            self._heard, self._heard_at, self._pinged_at = heard, now, math.inf
        elif self._relay.client.is_paused and self._pinged_at < math.inf:
            self._pinged_at = now  # it may have answered: we don't read

    def _end(self, slug: str) -> float:
        self._relay.close(slug)
        return math.inf
