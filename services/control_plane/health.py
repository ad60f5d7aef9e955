"""Whether the control plane lives, is ready, and how it does."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from services.control_plane.kit.database import Database
from services.control_plane.kit.problems import declare
from services.control_plane.kit.provide import provide
from services.control_plane.metrics import Metrics

router = APIRouter(tags=["health"])


class Health(BaseModel):
    status: str = "ok"


@router.get("/healthz")
async def read_health() -> Health:
    return Health()


@router.get("/readyz", responses=declare("unavailable"))
def read_readiness(database: Annotated[Database, Depends(provide(Database))]) -> Health:
    database.ping()
    return Health()


@router.get("/metrics", response_class=Response)
async def read_metrics(metrics: Annotated[Metrics, Depends(provide(Metrics))]) -> Response:
    return Response(metrics.render(), media_type=CONTENT_TYPE_LATEST)
