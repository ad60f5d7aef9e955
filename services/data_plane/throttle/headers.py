"""What clients are told of their limits: draft-ietf-httpapi-ratelimit-headers."""

from math import ceil

from services.data_plane.quota import Quota, Quotas, describe_policy
from services.data_plane.throttle.meter import Meter


def describe_left(quotas: Quotas, *meters: Meter | None) -> list[tuple[str, str]]:
    """Return the headers of a connection that is accepted: each limit, and what is left as far as it is known."""
    if not quotas.policy_header:
        return []
    found = [("RateLimit-Policy", quotas.policy_header)]
    left = {
        quota.name: f'"{quota.name}";r={rest};t={ceil(seconds)}'
        for meter in meters
        if meter is not None
        for quota, rest, seconds in meter.left()
    }
    if left:
        found.append(("RateLimit", ", ".join(left.values())))
    return found


def describe_spent(quota: Quota, retry_seconds: float) -> dict[str, str]:
    """Return the headers of a refusal."""
    wait = max(1, ceil(retry_seconds))
    return {
        "Retry-After": str(wait),
        "RateLimit": f'"{quota.name}";r=0;t={wait}',
        "RateLimit-Policy": describe_policy(quota),
    }
