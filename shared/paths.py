"""The sub-paths that an API tells apart: `/rooms/{id}`, `/rooms/*`."""

from functools import lru_cache
from typing import Final

REST: Final = "*"
"""Stands for all further segments, or none."""


def split_path(path: str) -> tuple[str, ...]:
    """Return the segments of a path. A slash at the end makes no difference."""
    return tuple(path.removesuffix("/").split("/")[1:])


def is_parameter(segment: str) -> bool:
    """Tell whether a segment stands for any one segment."""
    return segment.startswith("{")


def parameters_of(path: str) -> list[str]:
    return [segment for segment in split_path(path) if is_parameter(segment)]


def ends_open(path: str) -> bool:
    return split_path(path)[-1:] == (REST,)


@lru_cache(maxsize=10_000)
def shape_of(path: str) -> tuple[str, ...]:
    """Return what a path matches: two of one shape match the same."""
    return tuple("{}" if is_parameter(segment) else segment.casefold() for segment in split_path(path))


@lru_cache(maxsize=10_000)
def specificity(path: str) -> tuple[int, ...]:
    """Return a key by which, of paths that match the same, the most specific one comes first."""
    return tuple(2 if segment == REST else 1 if is_parameter(segment) else 0 for segment in split_path(path))
