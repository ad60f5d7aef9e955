"""Stage 7: an ended connection goes into the books."""

import logging

from services.data_plane.connection import Outcome
from services.data_plane.telemetry import Telemetry

log = logging.getLogger(__name__)


def record(outcome: Outcome, telemetry: Telemetry) -> None:
    """Count a connection, and write its one line."""
    telemetry.record(outcome)
    application = outcome.caller.application
    log.info(
        "closed id=%s from=%s api=%s/%s application=%s cause=%s code=%d seconds=%.3f messages=%d/%d bytes=%d/%d "
        "dropped=%d",
        outcome.request_id,
        outcome.address,
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
