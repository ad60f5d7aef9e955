"""Rows to what the pods and the callers read. Pure."""

from services.control_plane.throttling.models import ThrottlingPolicy
from services.control_plane.throttling.schemas import LimitBody, PolicyRead, PolicyWrite
from shared.limits import Policy


def define_policy(row: ThrottlingPolicy) -> Policy:
    return Policy.model_validate(
        {
            "name": row.name,
            "level": row.level,
            "limits": row.limits,
            "on_exceed": row.on_exceed,
            "max_delay_seconds": row.max_delay_seconds,
        }
    )


def read_policy(row: ThrottlingPolicy) -> PolicyRead:
    limits = [LimitBody.model_validate(limit.model_dump()) for limit in row.limits]
    return PolicyRead.model_validate({**row.model_dump(), "limits": limits})


def write_of(row: ThrottlingPolicy) -> PolicyWrite:
    """Return the body that would put the row as it is: what a patch is applied to."""
    fields = row.model_dump(include=set(PolicyWrite.model_fields))
    return PolicyWrite.model_validate({**fields, "limits": [limit.model_dump() for limit in row.limits]})
