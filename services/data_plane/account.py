"""Stage 7: an ended connection goes into the books."""

import logging
import time

from services.data_plane.connection import Outcome
from services.data_plane.registry import Connection
from services.data_plane.telemetry import Telemetry

log = logging.getLogger(__name__)


def record(connection: Connection, telemetry: Telemetry) -> None:
    """Count a connection, and write its one line."""
    outcome = _outcome(connection)
    telemetry.record(outcome)
    application = outcome.caller.application
    log.info(
        "closed id=%s api=%s/%s application=%s cause=%s code=%d seconds=%.3f messages=%d/%d bytes=%d/%d dropped=%d",
        outcome.request_id,
        outcome.api.context,
        outcome.api.version,
        application.id if application else "-",
        outcome.cause,
        outcome.close_code,
        outcome.seconds,
        outcome.messages_published,
        outcome.messages_delivered,
        outcome.bytes_published,
        outcome.bytes_delivered,
        outcome.messages_dropped,
    )


def _outcome(connection: Connection) -> Outcome:
    relay = connection.relay
    outwards, inwards = relay.client.scanner, relay.backend.scanner
    return Outcome(
        api=connection.api,
        caller=connection.caller,
        request_id=connection.request_id,
        address=connection.address,
        seconds=time.monotonic() - relay.started_at,
        cause=relay.cause,
        close_code=relay.close_code,
        messages_published=outwards.messages,
        messages_delivered=inwards.messages,
        bytes_published=outwards.payload_bytes,
        bytes_delivered=inwards.payload_bytes,
        messages_dropped=outwards.dropped,
        delayed_seconds=relay.client.delayed_seconds,
    )
