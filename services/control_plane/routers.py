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
from services.control_plane.fleet import publisher_router as fleet_publisher_router
from services.control_plane.fleet import router as fleet_router
from services.control_plane.fleet import store_router as fleet_store_router
from services.control_plane.fleet import tail_router
from services.control_plane.identity import account_router, audit_router, role_router, user_router
from services.control_plane.identity import router as identity_router
from services.control_plane.identity.dependencies import Requires
from services.control_plane.identity.scopes import ADMIN
from services.control_plane.issuers import router as issuer_router
from services.control_plane.kit import problems
from services.control_plane.oauth import key_router as key_admin_router
from services.control_plane.oauth import router as oauth_router
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


@cache
def join() -> list[BaseRoute]:
    """Return all routes, joined once: FastAPI reads their functions' parameters anew for each router that has them."""
    app = APIRouter(responses=problems.declare("malformed_request", "unauthorized", "insufficient_scope", "invalid"))
    app.include_router(oauth_router.router)
    for router in (*portal.ROUTERS, *_DESCRIBING, *_HEARING):
        app.include_router(router)
    app.include_router(publisher_router.router)
    app.include_router(document_router.router)
    app.include_router(document_store_router.router)
    app.include_router(store_publisher_router.router)
    app.include_router(store_router.router)
    app.include_router(snippet_router.router)
    app.include_router(apply_router.router)
    app.include_router(key_router.router)
    app.include_router(external_key_router.router)
    app.include_router(external_key_admin_router.router)
    app.include_router(api_key_router.router)
    app.include_router(ticket_router.router)
    app.include_router(registration_router.router)
    app.include_router(usage_router.router)
    app.include_router(usage_router.applications)
    app.include_router(fleet_router.router)
    app.include_router(fleet_publisher_router.router)
    app.include_router(fleet_store_router.router)
    app.include_router(fleet_store_router.renewals)
    app.include_router(tail_router.router)
    app.include_router(tail_router.applications)
    # Signing keys and policies stand below identity, and so can't ask for a scope themselves.
    app.include_router(throttling_router.router, dependencies=[Depends(Requires(ADMIN))])
    app.include_router(key_admin_router.router, dependencies=[Depends(Requires(ADMIN))])
    app.include_router(blocklist_router.router)
    app.include_router(issuer_router.router)
    app.include_router(identity_router.router)
    app.include_router(user_router.router)
    app.include_router(account_router.router)
    app.include_router(role_router.router)
    app.include_router(audit_router.router)
    app.include_router(health.router)
    return app.routes
