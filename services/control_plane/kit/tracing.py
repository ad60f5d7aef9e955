"""Spans of statements and of commands, below those of requests that FastAPI makes."""

from collections.abc import Iterable
from typing import Any, Final

from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.instrumentation.sqlalchemy.engine import EngineTracer
from opentelemetry.metrics import NoOpMeter
from redis import Redis

from services.control_plane.kit.database import Database
from shared.observing import ObservedSettings
from shared.tracing import Spans

_EngineTracer: Final[Any] = EngineTracer  # it has no types


def open_spans(settings: ObservedSettings, database: Database, clients: Iterable[Redis]) -> Spans:
    """Have these, and no others of this process, make spans.

    The instrumentor of SQLAlchemy would take all engines, and only of versions that its package knows.
    """
    spans = Spans("framegate-control-plane", settings)
    usage = NoOpMeter("sqlalchemy").create_up_down_counter("db.client.connections.usage")
    _EngineTracer(spans.provider.get_tracer("sqlalchemy"), database.engine, usage)
    for client in clients:
        if isinstance(client, Redis):  # a cluster's is made anew whenever a node fails
            RedisInstrumentor.instrument_client(client, tracer_provider=spans.provider)
    return spans
