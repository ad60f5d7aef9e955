"""All that people see, joined in one place."""

from typing import Final

from services.control_plane.portal import (
    admin_router,
    api_keys_router,
    applications_router,
    consent_router,
    device_router,
    fleet_router,
    home_router,
    keys_router,
    life_router,
    oidc_router,
    people_router,
    policies_router,
    publisher_router,
    services_router,
    sign_in_router,
    store_router,
    try_router,
    usage_router,
)

ROUTERS: Final = (
    home_router.router,
    consent_router.router,
    sign_in_router.router,
    oidc_router.router,
    device_router.router,
    store_router.router,
    try_router.router,
    applications_router.router,
    keys_router.router,
    api_keys_router.router,
    fleet_router.router,
    usage_router.router,
    life_router.router,
    publisher_router.router,
    publisher_router.tests_router,
    people_router.router,
    services_router.router,
    policies_router.preview_router,
    policies_router.router,
    admin_router.router,
)
