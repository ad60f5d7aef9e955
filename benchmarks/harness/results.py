"""What a benchmark leaves behind, as JSON: what was measured in full to keep, all else to look at."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.harness.layout import json_text
from benchmarks.harness.machine import describe_machine, now

KEPT = Path(__file__).resolve().parents[1] / "results"
_TRIALS = KEPT / "trials"


def save(benchmark: str, body: Mapping[str, object], *, trial: bool) -> Path:
    """Write a result with the date and the machine; return where it lies. Git ignores trials."""
    date = now()
    whole = {"benchmark": benchmark, "date": date.isoformat(timespec="seconds"), "machine": describe_machine(), **body}
    folder = _TRIALS if trial else KEPT
    folder.mkdir(exist_ok=True)
    path = folder / f"{benchmark}-{date:%Y-%m-%dT%H%M%S}.json"
    path.write_text(json_text(whole) + "\n")
    return path


def read_newest(benchmark: str, folder: Path = KEPT) -> dict[str, Any] | None:
    """Return the newest kept result of a benchmark."""
    results = [json.loads(path.read_text()) for path in folder.glob(f"{benchmark}-*.json")]
    results = [result for result in results if result["benchmark"] == benchmark]
    return max(results, key=lambda result: str(result["date"]), default=None)
