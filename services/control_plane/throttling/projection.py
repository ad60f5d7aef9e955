"""Rows to what the pods and the callers read. Pure."""

from services.control_plane.throttling.models import ThrottlingPolicy
from services.control_plane.throttling.schemas import PolicyRead, PolicyWrite
from shared.limits import Policy


def define_policy(row: ThrottlingPolicy) -> Policy:
    return Policy.model_validate(_fields(row))


def read_policy(row: ThrottlingPolicy, *, whole: bool = True) -> PolicyRead:
    """Return what callers read: without `whole` no overrides, which name APIs and applications of any organisation."""
    known = {"builtin": row.builtin, "created_at": row.created_at, "updated_at": row.updated_at}
    return PolicyRead.model_validate({**_fields(row), **known, **({} if whole else {"overrides": []})})


def write_of(row: ThrottlingPolicy) -> PolicyWrite:
    """Return the body that would put the row as it is: what a patch is applied to."""
    return PolicyWrite.model_validate(_fields(row))


def _fields(row: ThrottlingPolicy) -> dict[str, object]:
    return {
        "name": row.name,
        "level": row.level,
        "description": row.description,
        "limits": [limit.model_dump() for limit in row.limits],
        "burst": row.burst and row.burst.model_dump(),
        "on_exceed": row.on_exceed,
        "max_delay_seconds": row.max_delay_seconds,
        "shadow": row.shadow,
        "overrides": [override.model_dump() for override in row.overrides],
    }
