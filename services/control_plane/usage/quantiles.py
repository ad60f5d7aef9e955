"""Quantiles of values that were counted by powers of two."""

from collections.abc import Mapping, Sequence

from services.control_plane.usage.schemas import Quantiles


def estimate(counts: Mapping[str, int], unit: float = 1.0) -> Quantiles | None:
    """Return where values lie, of which so many each are up to `2 ** exponent` units. None of none."""
    spread = sorted((int(exponent), count) for exponent, count in counts.items() if count > 0)
    total = sum(count for _, count in spread)
    if not total:
        return None

    found = {f"p{part}": round(_find(spread, total * part / 100) * unit, 3) for part in (50, 90, 99)}
    return Quantiles(count=total, **found)


def _find(spread: Sequence[tuple[int, int]], rank: float) -> float:
    """Return the value of a rank, as if all of one exponent were evenly apart."""
    for exponent, count in spread:
        if rank <= count:
            low = 2.0 ** (exponent - 1) if exponent else 0.0
            return low + (2.0**exponent - low) * rank / count
        rank -= count
    return 2.0 ** spread[-1][0]
