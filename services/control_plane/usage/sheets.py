"""Tables for a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

INCOMPLETE: Final = "incomplete"
"""The column that says why something may be missing in a line."""


def write_csv(names: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """Return CSV as RFC 4180, section 2, has it, with a head."""
    out = io.StringIO()
    writer = csv.DictWriter(out, names, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: _harmless(value) for name, value in row.items()} for row in rows)
    return out.getvalue()


def _harmless(value: object) -> object:
    """Return what no spreadsheet takes for a formula: names are others' choice."""
    risky = ("=", "+", "-", "@", "\t", "\r", "\n")
    return f"'{value}" if isinstance(value, str) and value.startswith(risky) else value
