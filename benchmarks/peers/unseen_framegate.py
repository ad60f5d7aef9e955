"""Framegate's data plane with nothing by which it is seen.

Usage is neither counted nor sent, nothing is measured of connections, and nothing logged or traced.
"""

import asyncio
import logging
from typing import Any, Final

from cli.main import main
from services.data_plane import account, usage
from services.data_plane.telemetry import ConnectionMetrics, HandshakeMetrics


def _nothing(*_: Any, **__: Any) -> None:
    """Stand in for what would be seen."""


async def _never(*_: Any) -> None:
    await asyncio.Event().wait()


_OFF: Final = (
    (usage.UsageSender, "run", _never),
    *((usage.UsageBook, name, _nothing) for name in ("note_refused", "note_opened", "note_flow", "note_closed")),
    (ConnectionMetrics, "record", _nothing),
    (HandshakeMetrics, "accept", _nothing),
    (account, "record", _nothing),
)


def run() -> None:
    """Run the command that is in the arguments."""
    logging.disable()
    for owner, name, stand_in in _OFF:
        if not hasattr(owner, name):
            raise AttributeError(f"{owner} has no {name} any more")
        setattr(owner, name, stand_in)
    main()


if __name__ == "__main__":
    run()
