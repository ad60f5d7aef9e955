"""Traces of the control plane, where they are wanted: the SDK is loaded then alone."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from fastapi.telemetry import TelemetryConfig
from opentelemetry.trace import TracerProvider
from redis import Redis

from services.control_plane.kit.database import Database
from services.control_plane.settings import Settings


class Spans(Protocol):
    """`shared.tracing.Spans`, less what it is made of."""

    @property
    def provider(self) -> TracerProvider: ...
    @property
    def take_lost(self) -> Callable[[], int]: ...
    @property
    def delay_seconds(self) -> float: ...
    def send(self) -> None: ...
    def close(self) -> None: ...


def open_spans(settings: Settings, database: Database, *clients: Redis) -> Spans | None:
    """Have statements and commands traced, if anything is."""
    if not settings.traces:
        return None
    from services.control_plane.kit import tracing  # noqa: PLC0415 - see above

    return tracing.open_spans(settings, database, clients)


@asynccontextmanager
async def sending(spans: Spans | None) -> AsyncIterator[None]:
    """Send spans while the block runs."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(_send(spans)) if spans else None
        yield
        if task:
            task.cancel()


async def _send(spans: Spans) -> None:
    while True:
        await asyncio.sleep(spans.delay_seconds)
        spans.send()


def configure(spans: Spans | None) -> TelemetryConfig:
    """Return what FastAPI is told: its own metrics and logs stay off."""
    traced = spans is not None
    config: TelemetryConfig = {"tracing": traced, "operation_spans": traced, "metrics": False, "logs": False}
    return {**config, "tracer_provider": spans.provider} if spans else config
