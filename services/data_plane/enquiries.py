"""What the control plane asks about open connections: which there are, to close some, or to renew one."""

import asyncio
import heapq
import logging
import time
from collections.abc import Callable
from typing import Final

from pydantic import ValidationError
from redis.asyncio import Redis

from services.data_plane.authenticate import Authenticator
from services.data_plane.backoff import persist
from services.data_plane.catalogue import Catalogue
from services.data_plane.live import AT_ONCE, renew
from services.data_plane.refusal import RefusedError
from services.data_plane.registry import Connection, Registry
from services.data_plane.selecting import selects
from services.data_plane.streams import entries_of
from services.data_plane.tails import Tails
from shared import keys
from shared.connections import (
    QUESTION,
    Answer,
    CloseConnections,
    ListConnections,
    OpenConnection,
    Question,
    RenewConnection,
    Selection,
    WatchConnections,
)
from shared.subscription import ApplicationId

log = logging.getLogger(__name__)

FOLLOW_MILLISECONDS: Final = 3000  # less than the 5 s after which an answer is given up
FOLLOW_COUNT: Final = 100
KEPT_SECONDS: Final = 10
"""For answers that nobody fetched."""


class Enquiries:
    """Answers for one worker. What was asked while Redis was away is not answered: nobody waits for it any more."""

    def __init__(
        self,
        redis: Redis,
        pod: str,
        catalogue: Catalogue,
        registry: Registry,
        authenticator: Authenticator,
        tails: Tails,
        clock: Callable[[], float],
    ) -> None:
        """`clock` is the wall clock in seconds."""
        self._redis = redis
        self._pod = pod
        self._catalogue = catalogue
        self._registry = registry
        self._authenticator = authenticator
        self._tails = tails
        self._clock = clock
        self._last_id: str | None = None

    async def run(self) -> None:
        """Answer until cancelled."""
        await persist(self._step, "questions about connections can't be followed", self._start_over)

    def _start_over(self) -> None:
        self._last_id = None

    async def _step(self) -> None:
        if self._last_id is None:
            newest = await self._redis.xrevrange(keys.CONNECTION_QUESTIONS, count=1)
            self._last_id = str(newest[0][0]) if newest else "0-0"
        answer = await self._redis.xread(
            {keys.CONNECTION_QUESTIONS: self._last_id}, count=FOLLOW_COUNT, block=FOLLOW_MILLISECONDS
        )
        for entry_id, fields in entries_of(answer):
            await self._answer(fields)
            self._last_id = entry_id

    async def _answer(self, fields: dict[str, str]) -> None:
        try:
            question = QUESTION.validate_json(fields["question"])
        except ValidationError as error:  # of a newer control plane
            log.warning("a question about connections is not understood: %s", error)
            return
        if isinstance(question, WatchConnections) and not self._tails.has_room(question.id):
            log.warning("a tail is one too many")
            return  # whoever asks counts this worker among those that said nothing
        answer, to = await self._find_answer(question), keys.connection_answers(fields["id"])
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.rpush(to, answer.model_dump_json())
            pipe.expire(to, KEPT_SECONDS)
            await pipe.execute()

    async def _find_answer(self, question: Question) -> Answer:
        match question:
            case ListConnections():
                found = await self._select(question.selection)
                choose = heapq.nlargest if question.newest else heapq.nsmallest
                first = choose(question.first, found, key=lambda connection: connection.relay.started_at)
                return Answer(matched=len(found), connections=tuple(map(self._describe, first)))
            case CloseConnections():
                found = await self._select(question.selection)
                for connection in found:
                    connection.relay.close(question.reason)
                return Answer(matched=len(found))
            case RenewConnection():
                return self._renew(question)
            case WatchConnections():
                if not self._tails.watch(question):
                    return Answer()
                found = await self._select(question.selection)
                self._tails.follow(question.id, found)
                return Answer(matched=len(found))

    async def _select(self, selection: Selection) -> list[Connection]:
        """Return the connections that match, without keeping others waiting."""
        if selection.pod is not None and selection.pod != self._pod:
            return []
        if selection.id is not None:
            connection = self._registry.find(selection.id)
            candidates = [] if connection is None else [connection]
        else:
            candidates = self._registry.all()
        found = []
        for index, connection in enumerate(candidates):
            if index % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0)
            if not connection.relay.cause and selects(selection, connection):
                found.append(connection)
        return found

    def _renew(self, question: RenewConnection) -> Answer:
        connection, table = self._registry.find(question.id), self._catalogue.table
        key = table.keys.get(question.claims.client_id)
        # Of other applications' connections nothing is said, not even that there is one.
        if connection is None or connection.relay.cause or not (key and _is_of(connection, key.application_id)):
            return Answer()
        try:
            self._authenticator.check_revoked(question.claims)
            goes_on = renew(connection, question.claims, question.key_id, table, self._clock())
        except RefusedError as refused:
            return Answer(matched=1, refused=refused.problem.slug, detail=refused.detail)
        if goes_on:
            self._registry.time_out(connection)
        return Answer(matched=1 if goes_on else 0, expires_at=connection.caller.expires_at)

    def _describe(self, connection: Connection) -> OpenConnection:
        api, caller, application = connection.api, connection.caller, connection.caller.application
        now = time.monotonic()
        outcome = connection.outcome(now)
        return OpenConnection(
            id=connection.request_id,
            pod=self._pod,
            api_id=api.id,
            context=api.context,
            version=api.version,
            application_id=application.id if application else None,
            application=application.name if application else None,
            owner=application.owner if application else None,
            key_type=caller.key_type,
            user=caller.user,
            address=connection.address,
            opened_at=self._clock() - outcome.seconds,
            expires_at=caller.expires_at,
            idle_seconds=now - connection.liveness.last_seen(now),
            messages_published=outcome.messages_published,
            messages_delivered=outcome.messages_delivered,
            bytes_published=outcome.bytes_published,
            bytes_delivered=outcome.bytes_delivered,
        )


def _is_of(connection: Connection, application_id: ApplicationId) -> bool:
    application = connection.caller.application
    return application is not None and application.id == application_id
