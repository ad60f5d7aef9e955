"""The limits that apply to a connection."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from shared.limits import Direction, Level, OnExceed, Rule, Unit


@dataclass(frozen=True)
class Quota:
    """One limit: whose it is, and what happens beyond it."""

    level: Level
    subject: str
    rule: Rule
    on_exceed: OnExceed
    max_delay_seconds: float
    shadow: bool
    of_path: bool = False
    """Whether it is of a path of its API alone."""

    @cached_property
    def name(self) -> str:
        """What clients know it by: the level, and more where it isn't the usual limit of its level."""
        counter = self.rule.counter.removeprefix("messages:publish:").removesuffix(":0").replace(":", "-")
        whose = "path" if self.of_path else self.level
        return whose if counter == "0" else f"{whose}-{counter}"


class Quotas:
    """All limits of a connection, sorted by what they count. Connections of the same caller share them."""

    def __init__(self, quotas: Iterable[Quota] = ()) -> None:
        self.all = tuple(quotas)
        self.publish = self._counting("publish")
        subscribe = self._counting("subscribe")
        # Mostly the same object: one meter will do for both directions.
        self.subscribe = self.publish if subscribe == self.publish else subscribe
        self.handshakes = self._of_unit("handshakes")
        self.connections = self._of_unit("connections")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quotas) and self.all == other.all

    def __hash__(self) -> int:
        return hash(self.all)

    @cached_property
    def droppable(self) -> frozenset[Direction]:
        """The directions in which a message may be dropped."""
        return self._where("drop")

    @cached_property
    def closing(self) -> frozenset[Direction]:
        """The directions in which a message may close the connection."""
        return self._where("close")

    @cached_property
    def policy_header(self) -> str:
        """What `RateLimit-Policy` says: draft-ietf-httpapi-ratelimit-headers."""
        return ", ".join(describe_policy(quota) for quota in self.all if quota.rule.window_seconds and not quota.shadow)

    def _counting(self, direction: Direction) -> tuple[Quota, ...]:
        return tuple(
            quota
            for quota in self.all
            if quota.rule.unit in ("messages", "bytes") and quota.rule.direction in (direction, "both")
        )

    def _where(self, action: OnExceed) -> frozenset[Direction]:
        named: dict[Direction, tuple[Quota, ...]] = {"publish": self.publish, "subscribe": self.subscribe}
        return frozenset(way for way, quotas in named.items() if any(quota.on_exceed == action for quota in quotas))

    def _of_unit(self, unit: Unit) -> tuple[Quota, ...]:
        return tuple(quota for quota in self.all if quota.rule.unit == unit)


def describe_policy(quota: Quota) -> str:
    rule = quota.rule
    unit = ';qu="content-bytes"' if rule.unit == "bytes" else ""
    return f'"{quota.name}";q={rule.amount};w={rule.window_seconds}{unit}'
