"""What commands print: for people, or as JSON for programs."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
import yaml

from cli.tokens import Output

Show = Annotated[Output, typer.Option("--output", "-o", help="`json` prints all of it, for programs.")]

_NO_VALUE = "-"
_NUMBER = re.compile(r"[-+.]*[0-9][0-9A-Za-z.+-]*")  # what YAML 1.2 may take for one, and the dumper's 1.1 does not


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as such."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else "'" if _NUMBER.fullmatch(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def to_yaml(value: Any) -> str:
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def show(value: Any, output: Output) -> None:
    """Print one thing."""
    print(
        json.dumps(value, indent=2) if output is Output.json else to_yaml(value),
        end="\n" if output is Output.json else "",
    )


def show_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], output: Output) -> None:
    """Print a list: as a table of some columns, or all of it."""
    if output is Output.json:
        print(json.dumps(list(rows), indent=2))
        return
    table = [[name.upper().replace("_", " ") for name in columns]]
    table += [[_cell(row.get(name)) for name in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    if value is None or value == "":
        return _NO_VALUE
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
