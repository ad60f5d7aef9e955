"""The policies that are there from the start."""

from typing import Final

from shared.limits import Level, Limit

UNLIMITED: Final = "Unlimited"

_PER_MINUTE: Final[dict[Level, dict[str, int]]] = {
    "subscription": {"Gold": 5000, "Silver": 2000, "Bronze": 1000, "Unauthenticated": 500},
    "application": {"50PerMin": 50, "20PerMin": 20, "10PerMin": 10},
    "api": {"50KPerMin": 50_000, "20KPerMin": 20_000, "10KPerMin": 10_000},
}
_PER_DAY: Final = {"AsyncGold": 50_000, "AsyncSilver": 25_000, "AsyncBronze": 5000}
_DAY_SECONDS: Final = 24 * 3600


def builtin_policies() -> list[tuple[Level, str, tuple[Limit, ...]]]:
    """Return level, name and limits of each."""
    policies: list[tuple[Level, str, tuple[Limit, ...]]] = [("subscription", "AsyncUnlimited", ())]
    for level, named in _PER_MINUTE.items():
        policies += [(level, name, (Limit(amount=amount),)) for name, amount in named.items()]
        policies.append((level, UNLIMITED, ()))
    for name, amount in _PER_DAY.items():
        policies.append(("subscription", name, (Limit(amount=amount, window_seconds=_DAY_SECONDS, direction="both"),)))
    return policies
