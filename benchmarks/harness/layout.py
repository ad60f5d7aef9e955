"""Figures as text: tables to read, JSON that shows what changed."""

import json
from collections.abc import Mapping, Sequence

_WIDTH = 160


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


def json_text(value: object, indent: str = "") -> str:
    """Write JSON with what fits into a line in one line."""
    flat = json.dumps(value)
    if len(indent) + len(flat) <= _WIDTH or not isinstance(value, Mapping | list):
        return flat
    deeper = indent + " "
    if isinstance(value, Mapping):
        parts = [f"{json.dumps(key)}: {json_text(part, deeper)}" for key, part in value.items()]
        return "{\n" + ",\n".join(deeper + part for part in parts) + f"\n{indent}}}"
    return "[\n" + ",\n".join(deeper + json_text(part, deeper) for part in value) + f"\n{indent}]"
