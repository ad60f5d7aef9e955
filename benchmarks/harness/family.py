"""A process and all that descend from it."""

from collections.abc import Iterable, Iterator
from pathlib import Path


def family(roots: Iterable[int]) -> Iterator[int]:
    for root in roots:
        yield root
        for children in Path(f"/proc/{root}/task").glob("*/children"):
            yield from family(map(int, children.read_text().split()))
