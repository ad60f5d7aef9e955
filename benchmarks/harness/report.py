"""What a benchmark leaves behind: JSON to keep, a table to read."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.harness.machine import describe_machine, now

_RESULTS = Path(__file__).resolve().parents[1] / "results"


def save(benchmark: str, body: Mapping[str, object]) -> Path:
    """Write a result with the date and the machine; return where it lies."""
    date = now()
    whole = {"benchmark": benchmark, "date": date.isoformat(timespec="seconds"), "machine": describe_machine(), **body}
    _RESULTS.mkdir(exist_ok=True)
    path = _RESULTS / f"{benchmark}-{date:%Y-%m-%dT%H%M%S}.json"
    path.write_text(json.dumps(whole, indent=1) + "\n")
    return path


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out text in columns: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return "\n".join(_line(row, widths) for row in (head, *rows))


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = (
        cell.rjust(width) if index else cell.ljust(width)
        for index, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return "  ".join((first, *rest)).rstrip()
