from typing import Annotated

from fastapi import Depends

from services.control_plane.apply.service import ApplyService, Services
from services.control_plane.asyncapi.dependencies import Documents
from services.control_plane.kit.database import Database
from services.control_plane.kit.provide import provide
from services.control_plane.publisher.dependencies import Apis, Pictures, Shelf
from services.control_plane.store.dependencies import Applications, Subscriptions
from services.control_plane.throttling.dependencies import Policies


async def _applier(
    policies: Policies,
    apis: Apis,
    applications: Applications,
    subscriptions: Subscriptions,
    documents: Documents,
    shelf: Shelf,
    pictures: Pictures,
    database: Annotated[Database, Depends(provide(Database))],
) -> ApplyService:
    """Return what applies a manifest: nothing of its own, but the services that are there."""
    services = Services(policies, apis, applications, subscriptions, documents, shelf, pictures)
    return ApplyService(services, database)


Applier = Annotated[ApplyService, Depends(_applier)]
