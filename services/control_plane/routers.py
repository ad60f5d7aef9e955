"""The only place where routers are joined."""

from functools import cache
from typing import Final

from fastapi import APIRouter, Depends
from starlette.routing import BaseRoute

from services.control_plane import health
from services.control_plane.apply import router as apply_router
from services.control_plane.asyncapi import router as document_router
from services.control_plane.asyncapi import store_router as document_store_router
from services.control_plane.blocklist import router as blocklist_router
from services.control_plane.environments import router as environment_router
from services.control_plane.fleet import publisher_router as fleet_publisher_router
from services.control_plane.fleet import router as fleet_router
from services.control_plane.fleet import store_router as fleet_store_router
from services.control_plane.fleet import tail_router
from services.control_plane.identity import account_router, audit_router, role_router, user_router
from services.control_plane.identity import router as identity_router
from services.control_plane.identity.dependencies import require_operator, require_operator_to_write
from services.control_plane.issuers import router as issuer_router
from services.control_plane.kit import problems
from services.control_plane.oauth import key_router as key_admin_router
from services.control_plane.oauth import router as oauth_router
from services.control_plane.openapi import name_operation
from services.control_plane.organisations import router as organisation_router
from services.control_plane.portal import routers as portal
from services.control_plane.publisher import category_router, picture_router, shelf_router
from services.control_plane.publisher import router as publisher_router
from services.control_plane.store import (
    api_key_router,
    external_key_admin_router,
    external_key_router,
    feedback_router,
    key_router,
    reading_router,
    registration_router,
    snippet_router,
    ticket_router,
)
from services.control_plane.store import publisher_router as store_publisher_router
from services.control_plane.store import router as store_router
from services.control_plane.throttling import router as throttling_router
from services.control_plane.usage import router as usage_router
from services.control_plane.workflow import approval_router, notice_router, settings_router, webhook_router

_HEARING: Final = (
    feedback_router.router,
    feedback_router.moderation,
    notice_router.router,
    approval_router.router,
    approval_router.own,
    settings_router.router,
    webhook_router.router,
)

_DESCRIBING: Final = (
    category_router.router,
    category_router.choices,
    picture_router.router,
    shelf_router.router,
    reading_router.router,
)


_ROUTERS: Final = (
    oauth_router.router,
    *portal.ROUTERS,
    *_DESCRIBING,
    *_HEARING,
    publisher_router.router,
    document_router.router,
    document_store_router.router,
    store_publisher_router.router,
    store_router.router,
    snippet_router.router,
    apply_router.router,
    key_router.router,
    external_key_router.router,
    external_key_admin_router.router,
    api_key_router.router,
    ticket_router.router,
    registration_router.router,
    usage_router.router,
    usage_router.applications,
    fleet_router.router,
    fleet_publisher_router.router,
    fleet_store_router.router,
    fleet_store_router.renewals,
    tail_router.router,
    tail_router.applications,
    blocklist_router.router,
    environment_router.router,
    organisation_router.router,
    issuer_router.router,
    identity_router.router,
    user_router.router,
    account_router.router,
    role_router.router,
    audit_router.router,
    health.router,
)

_BELOW: Final = (
    (throttling_router.router, require_operator_to_write),
    (key_admin_router.router, require_operator),
)
"""They stand below identity, and so can't ask themselves who calls."""


@cache
def join() -> list[BaseRoute]:
    """Return all routes, joined once: FastAPI reads their functions' parameters anew for each router that has them."""
    declared = problems.declare("malformed_request", "unauthorized", "insufficient_scope", "invalid")
    app = APIRouter(responses=declared, generate_unique_id_function=name_operation)
    for router in _ROUTERS:
        app.include_router(router)
    for router, required in _BELOW:
        app.include_router(router, dependencies=[Depends(required)])
    return app.routes
