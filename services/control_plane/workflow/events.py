"""Which entries of the audit are events, and what they look like from outside. Pure."""

import json
import re
from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import AfterValidator, StringConstraints

from services.control_plane.kit.audit import AuditEntry

FAMILIES: Final = (
    "api",
    "subscription",
    "application",
    "key",
    "external_key",
    "api_key",
    "policy",
    "approval",
    "comment",
    "block",
    "user",
    "role",
    "service_account",
    "issuer",
    "signing_key",
    "settings",
    "webhook",
)
"""What stands before the dot of an event's type. Who signs in, or fetches a token, is for the audit alone."""

_NO_EVENT: Final = frozenset({"key.token", "webhook.redeliver"})
_FILTER: Final = re.compile(r"([a-z_]+)\.(\*|[a-z_]+)")


def _check_filter(value: str) -> str:
    found = _FILTER.fullmatch(value)
    if found is None or found[1] not in FAMILIES:
        raise ValueError(f"must be a type such as api.publish, or api.*; it begins with one of: {', '.join(FAMILIES)}")
    return value


EventFilter = Annotated[str, StringConstraints(max_length=100), AfterValidator(_check_filter)]


def is_event(action: str) -> bool:
    return action.partition(".")[0] in FAMILIES and action not in _NO_EVENT


def wants(filters: Sequence[str], action: str) -> bool:
    """Tell whether filters let an event pass: all of them where there is none."""
    return not filters or action in filters or f"{action.partition('.')[0]}.*" in filters


def describe(entry: AuditEntry) -> str:
    """Return the body that tells of an event: the same text every time."""
    data: dict[str, Any] = {
        "kind": entry.target_kind,
        "id": entry.target_id,
        "actor": entry.actor,
        "details": entry.details or {},
    }
    event = {"type": entry.action, "timestamp": entry.at.isoformat().replace("+00:00", "Z"), "data": data}
    return json.dumps(event, separators=(",", ":"), sort_keys=True)
