"""Sends events to webhooks: at least once, to each in the order in which they happened."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from http import HTTPStatus
from random import Random
from typing import Final

from services.control_plane.kit.audit import AuditEntry
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.database import Database
from services.control_plane.kit.security import Sealer, UnsealError
from services.control_plane.workflow import webhook_repository as repository
from services.control_plane.workflow.events import describe
from services.control_plane.workflow.models import Webhook, WebhookDelivery
from services.control_plane.workflow.posting import NotPostedError, Poster
from services.control_plane.workflow.signatures import sign

FIRST_WAIT: Final = timedelta(seconds=5)
LONGEST_WAIT: Final = timedelta(hours=1)
GIVEN_UP_AFTER: Final = timedelta(hours=24)

LEASE: Final = timedelta(minutes=1)
"""For so long a webhook is one process's: more than a turn can take."""

_TURN_SECONDS: Final = 10.0
_AT_ONCE: Final = 4
_LISTED: Final = 100


class Sender:
    """Any number of processes may do this at once: one of them serves each webhook."""

    def __init__(self, database: Database, sealer: Sealer, poster: Poster, clock: Clock, random: Random) -> None:
        self._database = database
        self._sealer = sealer
        self._poster = poster
        self._clock = clock
        self._random = random

    def send(self) -> None:
        """Send what is due. A webhook that is slow holds up no more than its thread."""
        with self._database.reading() as session:
            due = repository.list_due(session, self._clock(), _LISTED)
        if not due:
            return
        with ThreadPoolExecutor(_AT_ONCE, "webhook") as pool:
            list(pool.map(self._serve, due))

    def _serve(self, webhook_id: str) -> None:
        now = self._clock()
        until = now + LEASE
        with self._database.writing() as session:
            if not repository.claim(session, webhook_id, now, until):
                return
        try:
            deadline = time.monotonic() + _TURN_SECONDS
            while time.monotonic() < deadline and self._send_next(webhook_id):
                pass
        finally:
            with self._database.writing() as session:
                repository.release(session, webhook_id, until, self._clock())

    def _send_next(self, webhook_id: str) -> bool:
        """Send the oldest event that waits, and tell whether the next may follow it."""
        with self._database.reading() as session:
            waiting = repository.next_pending(session, webhook_id)
        if waiting is None:
            return False
        webhook, delivery, entry = waiting
        status, error = self._post(webhook, delivery, entry)
        now = self._clock()
        if error is None:
            self._note(webhook, 0, now, now, delivery, state="DELIVERED", status=status, error=None)
            return True
        failures = webhook.failures + 1
        self._note(webhook, failures, now, now + self._wait(failures), delivery, status=status, error=error)
        return False

    def _post(self, webhook: Webhook, delivery: WebhookDelivery, entry: AuditEntry) -> tuple[int | None, str | None]:
        """Return the status that was answered, and what was wrong."""
        body, timestamp = describe(entry), int(self._clock().timestamp())
        try:
            secret = self._sealer.unseal(webhook.sealed_secret)
            headers = {
                "Content-Type": "application/json",
                "User-Agent": "framegate",
                "webhook-id": delivery.id,
                "webhook-timestamp": str(timestamp),
                "webhook-signature": sign(secret, delivery.id, timestamp, body),
            }
            status = self._poster.post(webhook.url, headers, body)
        except (NotPostedError, UnsealError) as error:
            return None, str(error)
        taken = HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES
        return status, None if taken else f"it answered {status}"

    def _note(
        self,
        webhook: Webhook,
        failures: int,
        now: datetime,
        due_at: datetime,
        delivery: WebhookDelivery,
        **values: str | int | None,
    ) -> None:
        with self._database.writing() as session:
            repository.note_delivery(session, delivery.id, attempted_at=now, **values)
            repository.note_webhook(session, webhook, failures, due_at)
            repository.give_up(session, webhook.id, now - GIVEN_UP_AFTER, now)

    def _wait(self, failures: int) -> timedelta:
        """Return how long to wait after so many failures in a row: half of it is chance, so that no herd comes back."""
        doubled = 1 << min(failures - 1, 20)
        longest = min(FIRST_WAIT * doubled, LONGEST_WAIT)
        return longest * (0.5 + self._random.random() / 2)
