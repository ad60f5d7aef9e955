"""What clients are told of their limits: draft-ietf-httpapi-ratelimit-headers."""

from collections.abc import Iterable
from math import ceil
from typing import Final

from services.data_plane.connection import Quota
from services.data_plane.throttle.meter import Meter

_UNITS: Final = {"bytes": ';qu="content-bytes"'}


def describe_left(meters: Iterable[Meter]) -> list[tuple[str, str]]:
    """Return the headers of a connection that is accepted: each limit, and what is left as far as it is known."""
    policies, left = [], []
    for meter in meters:
        policies += [_policy(quota) for quota in meter.quotas if not quota.shadow]
        left += [
            f'"{_name(quota)}";r={rest};t={ceil(seconds)}' for quota, rest, seconds in meter.left() if not quota.shadow
        ]
    found = {"RateLimit-Policy": policies, "RateLimit": left}
    # A limit of both directions stands in both meters.
    return [(name, ", ".join(dict.fromkeys(items))) for name, items in found.items() if items]


def describe_spent(quota: Quota, retry_seconds: float) -> dict[str, str]:
    """Return the headers of a refusal."""
    wait = max(1, ceil(retry_seconds))
    return {
        "Retry-After": str(wait),
        "RateLimit": f'"{_name(quota)}";r=0;t={wait}',
        "RateLimit-Policy": _policy(quota),
    }


def _policy(quota: Quota) -> str:
    rule = quota.rule
    return f'"{_name(quota)}";q={rule.amount};w={rule.window_seconds}{_UNITS.get(rule.unit, "")}'


def _name(quota: Quota) -> str:
    """Return a name for a limit: the level, and the rest where it isn't the usual one."""
    counter = quota.rule.counter.removeprefix("messages:publish:").removesuffix(":0").replace(":", "-")
    return quota.level if counter in ("0", "") else f"{quota.level}-{counter}"
