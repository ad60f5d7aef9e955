"""Revocations on their way to the pods: a stream to follow, and a set to start from."""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from redis import Redis

from services.control_plane.kit.clock import Clock
from services.control_plane.kit.database import Database
from services.control_plane.oauth import revocation
from services.control_plane.oauth.models import RevokedToken
from services.control_plane.oauth.revocation import KEPT_FOR
from shared import keys

logger = logging.getLogger(__name__)

STREAM_LENGTH: Final = 10_000

_BATCH: Final = 500


class Announcer:
    """Carries revoked tokens to Redis. Any number of processes may do it at once: to tell twice changes nothing."""

    def __init__(self, database: Database, redis: Redis, clock: Clock) -> None:
        self._database = database
        self._redis = redis
        self._clock = clock

    def send(self) -> None:
        """Tell the pods what they were not told yet."""
        while True:
            with self._database.reading() as session:
                tokens = revocation.list_unsent(session, _BATCH)
            if not tokens:
                return
            now = self._clock()
            self._write(tokens, now)
            with self._database.writing() as session:
                revocation.mark_sent(session, tokens, now)
            if len(tokens) < _BATCH:
                return

    def reconcile(self) -> None:
        """Have all told again where Redis lost some."""
        now = self._clock()
        with self._database.reading() as session:  # before Redis: what is marked as sent stands there already
            ours = revocation.count_sent(session, now)
        theirs = self._redis.zcount(keys.REVOCATIONS_SET, f"({now.timestamp()}", "+inf")
        if theirs >= ours:
            return
        logger.warning("Redis lacks %d revoked tokens, and is given all of them anew", ours - theirs)
        with self._database.writing() as session:
            revocation.mark_all_unsent(session)
        self.send()

    def _write(self, tokens: Sequence[RevokedToken], now: datetime) -> None:
        with self._redis.pipeline(transaction=True) as pipe:
            for token in tokens:
                expires_at = int(token.expires_at.timestamp())
                pipe.zadd(keys.REVOCATIONS_SET, {token.jti: expires_at})
                pipe.xadd(keys.REVOCATIONS_STREAM, {"jti": token.jti, "expires_at": expires_at}, maxlen=STREAM_LENGTH)
            pipe.zremrangebyscore(keys.REVOCATIONS_SET, "-inf", (now - KEPT_FOR).timestamp())
            pipe.execute()
