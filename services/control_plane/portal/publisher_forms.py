"""The forms of an API's three steps, as merge patches of the body that the REST takes."""

from typing import Any, Final

from services.control_plane.kit.merge_patch import merge
from services.control_plane.portal.fields import Fields
from services.control_plane.publisher.schemas import ApiRead

ENVIRONMENTS: Final = ("production", "sandbox")
STEPS: Final = (("design", "Design"), ("implement", "Implement"), ("manage", "Manage"))

_BLANK: Final[dict[str, Any]] = {
    "name": "",
    "context": "",
    "version": "1.0",
    "default": False,
    "description": "",
    "tags": [],
    "visibility": "public",
    "roles": [],
}


def read_design(sent: Fields) -> dict[str, Any]:
    return {
        **{name: sent.text(name) for name in ("name", "context", "version", "description")},
        "visibility": sent.text("visibility") or "public",
        "tags": sent.words("tags"),
        "roles": sent.words("roles"),
        "default": sent.on("default"),
    }


def read_implement(sent: Fields) -> dict[str, Any]:
    """Return the endpoints; an environment without URLs has none."""
    return {"endpoints": {environment: _endpoint(sent, environment) for environment in ENVIRONMENTS}}


def read_manage(sent: Fields) -> dict[str, Any]:
    return {
        "policies": sent.all("policies"),
        "api_policy": sent.text("api_policy") or None,
        "auth": {"types": sent.all("auth"), "scopes": sent.words("scopes")},
        "origins": sent.words("origins"),
        "max_message_bytes": {side: sent.number(f"max_{side}") or "0" for side in ("publish", "subscribe")},
        **{name: sent.number(name) for name in ("idle_timeout_seconds", "ping_interval_seconds")},
        "max_connection_age_seconds": sent.number("max_connection_age_seconds"),
    }


READERS: Final = {"design": read_design, "implement": read_implement, "manage": read_manage}


def values_of(api: ApiRead | None, patch: dict[str, Any] | None = None) -> Any:
    """Return what a form shows: the API as it stands, under what was sent and refused."""
    values = merge(api.model_dump(mode="json") if api else _BLANK, patch or {})
    if api is not None and patch is not None:
        for name in type(api).model_fields.keys() - values.keys():
            values[name] = None
    return values


def _endpoint(sent: Fields, environment: str) -> dict[str, Any] | None:
    urls = sent.lines(f"{environment}_urls")
    return {"urls": urls, "balance": sent.text(f"{environment}_balance") or "round_robin"} if urls else None
