"""Bodies of requests as the OpenAPI document shows them, by the names of operations."""

from collections.abc import Mapping
from typing import Any, Final

_API: Final[Mapping[str, Any]] = {
    "name": "EchoWebSocket",
    "context": "/echowebsocket",
    "version": "1.0",
    "description": "Sends back what it is sent.",
    "tags": ["demo"],
    "endpoints": {"production": {"urls": ["wss://echo.example.com/ws"]}},
    "policies": ["Gold", "Silver"],
    "auth": {"types": ["oauth2", "api_key"], "scopes": []},
}
_POLICY: Final[Mapping[str, Any]] = {
    "name": "Startup",
    "level": "subscription",
    "description": "20,000 messages an hour, and no more than 5 connections.",
    "limits": [
        {"unit": "messages", "amount": 20_000, "window_seconds": 3600},
        {"unit": "connections", "amount": 5, "window_seconds": None, "direction": "both"},
    ],
    "on_exceed": "delay",
}
_APPLICATION: Final[Mapping[str, Any]] = {"name": "Robot", "description": "Beeps.", "policy": "50PerMin"}
_ENVIRONMENT: Final[Mapping[str, Any]] = {
    "description": "Europe",
    "gateway_url": "ws://eu.gateway.example.com",
    "gateway_tls_url": "wss://eu.gateway.example.com",
}
_KEY: Final[Mapping[str, Any]] = {"grant_types": ["client_credentials"], "validity_seconds": 3600}
_ISSUER: Final[Mapping[str, Any]] = {
    "issuer": "https://login.partner.example.com",
    "audience": "framegate",
    "application_claim": "azp",
}
_API_ID: Final = "5f3f0c52-7a1e-4d0e-9d0b-0f8f3a1c7d11"
_APPLICATION_ID: Final = "0d4c8a5e-3b52-4b55-8a7e-6f1d2f0c9b34"

EXAMPLES: Final[Mapping[str, Any]] = {
    "publisher_create_api": _API,
    "publisher_replace_api": _API,
    "publisher_patch_api": {"description": "Sends back what it is sent, at once.", "idle_timeout_seconds": 300},
    "publisher_change_lifecycle": {"action": "publish"},
    "publisher_create_version": {"version": "2.0", "default": True},
    "publisher_block_subscription": {"scope": "production"},
    "publisher_apply_manifest": {
        "apis": [{**_API, "state": "published"}],
        "applications": [_APPLICATION],
        "subscriptions": [{"application": "Robot", "api": "EchoWebSocket", "version": "1.0", "policy": "Gold"}],
    },
    "store_create_application": _APPLICATION,
    "store_replace_application": _APPLICATION,
    "store_patch_application": {"policy": "Unlimited"},
    "store_create_subscription": {"application_id": _APPLICATION_ID, "api_id": _API_ID, "policy": "Gold"},
    "store_move_subscription": {"policy": "Silver"},
    "store_create_key": {"key_type": "PRODUCTION", **_KEY},
    "store_replace_key": _KEY,
    "store_regenerate_secret": {"overlap_seconds": 3600},
    "store_create_token": {"validity_seconds": 600, "scopes": []},
    "store_create_api_key": {"name": "Dashboard", "key_type": "PRODUCTION", "allowed_ips": ["192.0.2.0/24"]},
    "store_create_ticket": {"api_id": _API_ID, "application_id": _APPLICATION_ID, "key_type": "PRODUCTION"},
    "admin_create_policy": _POLICY,
    "admin_replace_policy": _POLICY,
    "admin_patch_policy": {"on_exceed": "close"},
    "admin_create_block": {"kind": "address", "value": "198.51.100.0/24"},
    "admin_create_environment": {"name": "eu", **_ENVIRONMENT},
    "admin_replace_environment": _ENVIRONMENT,
    "admin_create_issuer": {"name": "partner", **_ISSUER},
    "admin_replace_issuer": _ISSUER,
    "admin_create_user": {"name": "maria", "roles": ["publisher"]},
    "admin_patch_user": {"disabled": True},
    "admin_create_service_account": {"name": "pipeline", "scopes": ["publisher:read", "publisher:write"]},
    "admin_create_role": {"name": "partners", "scopes": []},
    "account_create_token": {"name": "laptop", "scopes": ["publisher:read"], "validity_seconds": 2_592_000},
}
