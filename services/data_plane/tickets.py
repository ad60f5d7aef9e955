"""Tickets: what the control plane wrote into Redis for one handshake on any pod."""

import logging

from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.data_plane.refusal import come_back_later
from shared import keys
from shared.tickets import MAX_CHARACTERS, Ticket, digest_ticket

log = logging.getLogger(__name__)


class TicketBox:
    """Where tickets wait. `redis` has a short time limit, for a client waits for it."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def redeem(self, text: str) -> Ticket | None:
        """Use a ticket up, or return None where there is none such any more. Raises `RefusedError` without Redis."""
        if len(text) > MAX_CHARACTERS:
            return None
        try:
            # One command: two pods that are shown the same ticket can't both have it.
            body = await self._redis.getdel(keys.ticket(digest_ticket(text)))
        except (RedisError, OSError, ValueError) as error:  # a ValueError: what is no UTF-8
            log.warning("a ticket can't be looked up: %s", error)
            raise come_back_later("unavailable") from error
        if body is None:
            return None
        try:
            return Ticket.model_validate_json(body)
        except ValidationError as error:
            log.warning("a ticket can't be read: %s", error)
            return None
