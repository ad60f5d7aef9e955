"""What Redis answers to XREAD."""

from collections.abc import Mapping
from typing import cast

Entry = tuple[str, dict[str, str]]


def entries_of(answer: object) -> list[Entry]:
    """Return the entries of the one stream that was asked for, each with its id (RESP3, text)."""
    streams = cast("Mapping[str, list[list[Entry]]]", answer)
    return next(iter(streams.values()))[0] if streams else []
