"""Reads the keys of issuers again: from time to time, and soon where a pod met a key that it does not know."""

import logging
from datetime import timedelta
from typing import Any, Final, cast

from redis import Redis

from services.control_plane.catalogue import outbox
from services.control_plane.issuers import repository
from services.control_plane.issuers.errors import NoGoodAnswerError
from services.control_plane.issuers.models import ExternalIssuer
from services.control_plane.issuers.projection import catalogue_id, define_issuer
from services.control_plane.issuers.reading import IssuerReader
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.database import Database
from shared import keys

logger = logging.getLogger(__name__)

INTERVAL: Final = timedelta(minutes=10)
AFTER_FAILURE: Final = timedelta(minutes=1)

GAP: Final = timedelta(seconds=30)
"""So often an issuer is asked at most, whatever tokens are made up in its name."""


class Refresher:
    """Any number of processes may do this at once: one of them takes each issuer. The last good keys are kept."""

    def __init__(self, database: Database, redis: Redis, reader: IssuerReader, clock: Clock) -> None:
        self._database = database
        self._redis = redis
        self._reader = reader
        self._clock = clock

    def follow_hints(self) -> None:
        """Read the keys that pods ask for. For what was read just now the hint waits."""
        for name in sorted(cast("set[str]", self._redis.smembers(keys.ISSUER_HINTS))):
            with self._database.writing() as session:
                issuer = repository.claim(session, name, self._clock(), GAP)
                waits = issuer is None and repository.exists(session, name)
            if not waits:
                self._redis.srem(keys.ISSUER_HINTS, name)
            if issuer is not None:
                self._read(issuer)

    def refresh_due(self) -> None:
        """Read the keys that were read long ago."""
        now = self._clock()
        with self._database.reading() as session:
            due = repository.list_due(session, now, INTERVAL, AFTER_FAILURE)
        for name in due:
            with self._database.writing() as session:
                issuer = repository.claim(session, name, now, AFTER_FAILURE)
            if issuer is not None:
                self._read(issuer)

    def _read(self, issuer: ExternalIssuer) -> None:
        try:  # no transaction waits for the network
            found = self._reader.read_keys(issuer.issuer, issuer.jwks_uri)
        except NoGoodAnswerError as error:
            logger.warning("The keys of the issuer %s can't be read, and stay as they are: %s", issuer.name, error)
            with self._database.writing() as session:
                repository.note_failure(session, issuer.name, str(error))
            return
        self._keep(issuer, found)

    def _keep(self, issuer: ExternalIssuer, found: list[dict[str, Any]]) -> None:
        now = self._clock()
        with self._database.writing() as session:
            if repository.keep_keys(session, issuer, found, now):
                fresh = session.get_one(ExternalIssuer, issuer.name)
                outbox.record(session, "issuer", catalogue_id(issuer.name), define_issuer(fresh), now)
