from collections import Counter
from collections.abc import Mapping
from functools import cached_property
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
    """At most `amount` of `unit` in each window; `publish` is client to backend. Connections have no window."""

    unit: Unit = "messages"
    amount: Amount
    window_seconds: WindowSeconds | None = 60
    direction: Direction = "publish"


class Burst(Contract):
    """At most `amount` messages at once, and as many again, evenly, in each `window_seconds`."""

    amount: Amount
    window_seconds: WindowSeconds


class Override(Contract):
    """What holds in place of a policy's own limits for one API, one application, or one application on one API."""

    api_id: str | None = None
    application_id: str | None = None
    limits: tuple[Limit, ...] = ()
    burst: Burst | None = None


class Rule(Contract):
    """One limit as it is counted. `counter` tells it from the other limits of the same subject.

    The amount is not part of the counter, nor the window, so that what was spent counts under a changed policy, and
    under another one, too. `rolling` limits are buckets that fill evenly; the others have fixed windows.
    """

    unit: Unit
    direction: Direction
    amount: Amount
    window_seconds: int = 0
    rolling: bool = False
    counter: str


class Policy(Contract):
    """A throttling policy. No limits means unlimited."""

    name: PolicyName
    level: Level
    limits: tuple[Limit, ...] = ()
    burst: Burst | None = None
    on_exceed: OnExceed = "delay"
    max_delay_seconds: Annotated[float, Field(gt=0)] | None = None
    shadow: bool = False
    overrides: tuple[Override, ...] = ()

    @property
    def id(self) -> PolicyId:
        return policy_id(self.level, self.name)

    def rules(self, api_id: str, application_id: str | None) -> tuple[Rule, ...]:
        """Return what is counted for an application on an API: the override that names most of the two, or the rest.

        An application is counted over all APIs, and an API over all applications: nothing else can be told apart.
        """
        rules = self._rules
        api = None if self.level == "application" else api_id
        application = None if self.level == "api" else application_id
        for scope in ((api, application), (None, application), (api, None)) if len(rules) > 1 else ():
            if scope in rules:
                return rules[scope]
        return rules[None, None]

    @cached_property
    def _rules(self) -> Mapping[tuple[str | None, str | None], tuple[Rule, ...]]:
        own = {(None, None): _rules(self.limits, self.burst)}
        return own | {(item.api_id, item.application_id): _rules(item.limits, item.burst) for item in self.overrides}


def policy_id(level: Level, name: PolicyName) -> PolicyId:
    """Return the catalogue's id of a policy: names are unique within their level."""
    return PolicyId(f"{level}/{name}")


def _rules(limits: tuple[Limit, ...], burst: Burst | None) -> tuple[Rule, ...]:
    """Return the rules, numbered from the longest window on: that one mostly stays when another comes or goes."""
    rules = []
    seen: Counter[str] = Counter()
    for limit in sorted(limits, key=lambda limit: -(limit.window_seconds or 0)):
        kind = limit.unit if limit.unit in ("connections", "handshakes") else f"{limit.unit}:{limit.direction}"
        counter = f"{kind}:{seen[kind]}"
        seen[kind] += 1
        rules.append(
            Rule(
                unit=limit.unit,
                direction=limit.direction,
                amount=limit.amount,
                window_seconds=limit.window_seconds or 0,
                counter=counter,
            )
        )
    if burst is not None:
        rules.append(
            Rule(
                unit="messages",
                direction="publish",
                amount=burst.amount,
                window_seconds=burst.window_seconds,
                rolling=True,
                counter="burst",
            )
        )
    return tuple(rules)
