"""The policies that are there from the start."""

from typing import Final

from shared.limits import Level, Limit

UNLIMITED: Final = "Unlimited"

_PER_MINUTE: Final[dict[Level, dict[str, int]]] = {
    "subscription": {"Gold": 5000, "Silver": 2000, "Bronze": 1000},
    "application": {"50PerMin": 50, "20PerMin": 20, "10PerMin": 10},
    "api": {"50KPerMin": 50_000, "20KPerMin": 20_000, "10KPerMin": 10_000},
}


def builtin_policies() -> list[tuple[Level, str, tuple[Limit, ...]]]:
    """Return level, name and limits of each."""
    limited = [
        (level, name, (Limit(amount=amount),)) for level, named in _PER_MINUTE.items() for name, amount in named.items()
    ]
    return [*limited, *((level, UNLIMITED, ()) for level in _PER_MINUTE)]
