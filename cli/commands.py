"""Commands that are requests, as rows of a table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

FILTERS: Final = ("q", "pod", "owner", "address")
CONNECTION: Final = ("id", "context", "version", "application", "address", "pod", "opened_at")
"""Of the list of connections, whoever reads it: what it is asked, and what it shows."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command, and the request that it makes.

    `fields` of the body are arguments in upper case and options with dashes. `file` takes the body from a file, too.
    """

    name: str
    help: str
    method: str
    path: str
    fields: tuple[str, ...] = ()
    body: Mapping[str, Any] = field(default_factory=dict)
    query: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    """Options of the body that are there or not: `--deprecate-older-versions`, `--no-deprecate-older-versions`."""
    file: bool = False
    columns: tuple[str, ...] = ()
    """Of a list: what a table shows."""
    rows: str = "items"
    """Where the list stands in the answer; all pages of `items` are read."""
    only: str = ""
    """What is printed of the answer for people, where that is one text."""
    fails: Callable[[Any], bool] = lambda _: False
    """Whether the exit code is 1 although the answer was good."""

    @property
    def is_list(self) -> bool:
        return bool(self.columns) and self.method == "GET"


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    help: str
    commands: tuple[Command, ...]
