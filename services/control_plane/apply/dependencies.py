from typing import Annotated

from fastapi import Depends

from services.control_plane.apply.service import ApplyService, Services
from services.control_plane.kit.database import Database
from services.control_plane.kit.provide import provide
from services.control_plane.publisher.dependencies import Apis, Shelf
from services.control_plane.store.dependencies import Applications, Subscriptions
from services.control_plane.throttling.dependencies import Policies


async def _applier(
    policies: Policies,
    apis: Apis,
    applications: Applications,
    subscriptions: Subscriptions,
    shelf: Shelf,
    database: Annotated[Database, Depends(provide(Database))],
) -> ApplyService:
    """Return what applies a manifest: nothing of its own, but the services that are there."""
    return ApplyService(Services(policies, apis, applications, subscriptions, shelf), database)


Applier = Annotated[ApplyService, Depends(_applier)]
