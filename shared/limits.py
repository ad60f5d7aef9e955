from typing import Annotated, Literal, NewType

from pydantic import Field

from shared.contract import Contract

PolicyName = NewType("PolicyName", str)
PolicyId = NewType("PolicyId", str)

Level = Literal["subscription", "application", "api"]
Unit = Literal["messages", "bytes", "connections", "handshakes"]
Direction = Literal["publish", "subscribe", "both"]
OnExceed = Literal["delay", "drop", "close"]

WindowSeconds = Annotated[int, Field(gt=0, le=31 * 24 * 3600)]
Amount = Annotated[int, Field(gt=0, le=2**53 - 1)]  # Redis' Lua counts in doubles


class Limit(Contract):
    """At most `amount` of `unit` in each window; `publish` is client to backend."""

    unit: Unit = "messages"
    amount: Amount
    window_seconds: WindowSeconds | None = 60
    direction: Direction = "publish"


class Burst(Contract):
    amount: Amount
    window_seconds: WindowSeconds


class Policy(Contract):
    """A throttling policy. No limits means unlimited."""

    name: PolicyName
    level: Level
    limits: tuple[Limit, ...] = ()
    burst: Burst | None = None
    on_exceed: OnExceed = "delay"
    max_delay_seconds: Annotated[float, Field(gt=0)] | None = None
    shadow: bool = False

    @property
    def id(self) -> PolicyId:
        return policy_id(self.level, self.name)


def policy_id(level: Level, name: PolicyName) -> PolicyId:
    """Return the catalogue's id of a policy: names are unique within their level."""
    return PolicyId(f"{level}/{name}")
