"""Policies, states and close codes in words for people."""

import math
from collections.abc import Sequence
from typing import Final

from services.control_plane.identity.scopes import ALL_SCOPES
from services.control_plane.store.schemas import QuotaRead
from services.control_plane.throttling.schemas import BurstBody, LimitBody, PolicyWrite
from shared.problems import COME_BACK, PROBLEMS, STAY_AWAY

_SPANS: Final = ((24 * 3600, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_DIRECTIONS: Final = {
    "publish": " from client to backend",
    "subscribe": " from backend to client",
    "both": " in both directions together",
}
_ON_EXCEED: Final = {
    "delay": "What exceeds it waits until quota is back; nothing is lost.",
    "drop": "What exceeds it is dropped, and the client is told.",
    "close": "What exceeds it closes the connection with code 4429.",
}
_CODES: Final = {
    1000: "Closed in good order.",
    1001: "The other side went away.",
    1002: "A frame broke the WebSocket protocol.",
    1003: "The other side does not take this kind of data.",
    1005: "Closed without a code.",
    1006: "The connection was cut, or never opened.",
    1007: "A text was not valid UTF-8.",
    1008: "The other side's policy forbids what was sent.",
    1009: "A message was too big.",
    1011: "The backend failed, or its connection was lost.",
    1012: "The gateway's pod restarts. Connect again.",
    1013: "Too busy, or blocked for now. Try again later.",
}

STATES: Final = {
    "CREATED": "Not served yet.",
    "PROTOTYPED": "Served to any application's token, without a subscription.",
    "PUBLISHED": "Served to subscribers.",
    "BLOCKED": "Known, but refused.",
    "DEPRECATED": "Served to those who have subscribed. Takes no new subscriptions.",
    "RETIRED": "Gone, for good.",
}
DOCUMENT_TYPES: Final = {
    "HOWTO": "How-to",
    "SAMPLES": "Samples",
    "FORUM": "Forum",
    "SUPPORT": "Support",
    "OTHER": "Other",
}
GAPS: Final = {
    "pod_lost": "a pod was killed, and took along what it had counted",
    "batches_lost": "Redis lost what a pod had counted",
    "no_room": "a pod had no room for what it counted, while Redis was away",
    "bill_began": "bills are kept since then, and lack what was used before",
}
SUBSCRIPTION_STATES: Final = {
    "UNBLOCKED": "active",
    "BLOCKED": "blocked",
    "PROD_ONLY_BLOCKED": "blocked in production",
    "PENDING": "waits for approval",
    "REJECTED": "rejected",
}

_SCOPES: Final = {
    "publisher:read": "See one's own APIs in the Publisher",
    "publisher:write": "Create and change APIs",
    "publisher:publish": "Publish, block and retire APIs",
    "store:subscribe": "Have applications, subscribe and get keys",
    "admin": "Administer",
}


def scope_words() -> list[tuple[str, str, str]]:
    """Return the scopes as boxes to tick, with what each allows."""
    return [(scope, scope, _SCOPES[scope]) for scope in ALL_SCOPES]


def describe_span(seconds: int) -> str:
    """Return a time as people say it: `minute`, `5 minutes`, `90 seconds`."""
    length, name = next((length, name) for length, name in _SPANS if seconds % length == 0)
    count = seconds // length
    return name if count == 1 else f"{count:,} {name}s"


def describe_limit(limit: LimitBody) -> str:
    count = f"{limit.amount:,} {limit.unit if limit.amount > 1 else limit.unit.removesuffix('s')}"
    if limit.unit == "connections" or limit.window_seconds is None:
        return f"{count} open at once"
    where = _DIRECTIONS[limit.direction] if limit.unit in ("messages", "bytes") else ""
    return f"{count} every {describe_span(limit.window_seconds)}{where}"


def describe_quota(limits: Sequence[LimitBody], burst: BurstBody | None) -> str:
    """Return the quota in one line."""
    parts = [describe_limit(limit) for limit in limits]
    if burst is not None:
        parts.append(f"bursts of {burst.amount:,} messages, refilled every {describe_span(burst.window_seconds)}")
    return "; ".join(parts) or "No limit"


def describe_policy(policy: PolicyWrite) -> list[str]:
    """Return what a policy allows, in sentences."""
    quota = describe_quota(policy.limits, policy.burst)
    if not policy.limits and policy.burst is None:
        return ["No limit: nothing is counted against anybody."]
    sentences = [f"Allows {quota}.", _ON_EXCEED[policy.on_exceed]]
    if policy.on_exceed == "delay" and policy.max_delay_seconds is not None:
        sentences.append(f"After {policy.max_delay_seconds:g} seconds of waiting the connection closes with code 4429.")
    if policy.shadow:
        sentences.append("It only watches: excess is counted and reported, and passes.")
    if policy.overrides:
        sentences.append(f"{len(policy.overrides)} overrides hold for single APIs or applications.")
    return sentences


def describe_left(quota: QuotaRead) -> str:
    """Return what is left of a limit, and when it is whole again."""
    where = _DIRECTIONS[quota.direction] if quota.unit in ("messages", "bytes") else ""
    back = f", whole again in {math.ceil(quota.resets_in_ms / 1000):,} s" if quota.used else ""
    return f"{quota.left:,} of {quota.amount:,} {quota.unit} left{where}, by {quota.policy}{back}"


def close_words() -> dict[str, str]:
    """Return what closes mean: by slug, which the gateway's reasons begin with, and by code."""
    slugs = {problem.slug: f"{problem.title}.{_advice(problem.close_code)}" for problem in PROBLEMS.values()}
    return {**{str(code): words for code, words in _CODES.items()}, **slugs}


def _advice(code: int | None) -> str:
    if code in COME_BACK:
        return " Connect again when you like."
    if code in STAY_AWAY:
        return " Connecting again will not help until that is changed."
    return ""
