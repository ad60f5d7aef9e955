"""The forms of an API's three steps, as merge patches of the body that the REST takes."""

from typing import Any, Final

from services.control_plane.kit.merge_patch import merge
from services.control_plane.portal.fields import Fields
from services.control_plane.publisher.schemas import ApiRead

CONTACTS: Final = ("business_owner", "technical_owner")
ENVIRONMENTS: Final = ("production", "sandbox")
STEPS: Final = (("design", "Design"), ("implement", "Implement"), ("manage", "Manage"))

_BLANK: Final[dict[str, Any]] = {
    "name": "",
    "context": "",
    "version": "1.0",
    "default": False,
    "description": "",
    "tags": [],
    "categories": [],
    "business_owner": None,
    "technical_owner": None,
    "properties": {},
    "maintainers": [],
    "visibility": "public",
    "roles": [],
}


def read_design(sent: Fields) -> dict[str, Any]:
    return {
        **{name: sent.text(name) for name in ("name", "context", "version", "description")},
        "visibility": sent.text("visibility") or "public",
        "tags": sent.words("tags"),
        "roles": sent.words("roles"),
        "maintainers": sent.words("maintainers"),
        "categories": sent.all("categories"),
        "properties": {name.strip(): value.strip() for name, _, value in _pairs(sent)},
        **{contact: _contact(sent, contact) for contact in CONTACTS},
        "default": sent.on("default"),
    }


def read_implement(sent: Fields) -> dict[str, Any]:
    """Return the endpoints; an environment without URLs or a mock has none."""
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
        **({"environments": sent.all("environments")} if sent.on("places") else {}),
    }


READERS: Final = {"design": read_design, "implement": read_implement, "manage": read_manage}


def complete(patch: dict[str, Any], api: ApiRead) -> dict[str, Any]:
    """Return a patch by which an API's properties are those of the form, and no others."""
    if "properties" not in patch:
        return patch
    return {**patch, "properties": {**dict.fromkeys(api.properties), **patch["properties"]}}


def values_of(api: ApiRead | None, patch: dict[str, Any] | None = None) -> Any:
    """Return what a form shows: the API as it stands, under what was sent and refused."""
    values = merge(api.model_dump(mode="json") if api else _BLANK, patch or {})
    if api is not None and patch is not None:
        for name in type(api).model_fields.keys() - values.keys():
            values[name] = None
    return values


def _pairs(sent: Fields) -> list[tuple[str, str, str]]:
    return [line.partition("=") for line in sent.lines("properties")]


def _contact(sent: Fields, contact: str) -> dict[str, Any] | None:
    name, email = sent.text(f"{contact}_name"), sent.text(f"{contact}_email")
    return {"name": name, "email": email or None} if name or email else None


def _endpoint(sent: Fields, environment: str) -> dict[str, Any] | None:
    urls, mock = sent.lines(f"{environment}_urls"), sent.on(f"{environment}_mock")
    balance = sent.text(f"{environment}_balance") or "round_robin"
    return {"mock": mock, "urls": urls, "balance": balance} if urls or mock else None
