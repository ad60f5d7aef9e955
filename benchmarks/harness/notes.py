"""How a run came about: what is told beside a figure."""

from collections.abc import Callable, Sequence
from statistics import median

from benchmarks.harness.figures import Notes
from benchmarks.harness.load import Sample


def make_notes(unit: str, count: Callable[[Sample], int]) -> Notes[Sample]:
    """Return notes with the rate of what is counted."""
    return {
        "proxy busy": _middle(lambda sample: sample.proxy_cpu_seconds / sample.seconds, "{:.0%}"),
        f"{unit}/s": _middle(lambda sample: count(sample) / sample.seconds, "{:,.0f}"),
        "round p50 us": _middle(lambda sample: sample.round_us["p50"], "{:.0f}"),
        "p99 us": _middle(lambda sample: sample.round_us["p99"], "{:.0f}"),
    }


def _middle(value: Callable[[Sample], float], form: str) -> Callable[[Sequence[Sample]], str]:
    return lambda samples: form.format(median(map(value, samples)))
