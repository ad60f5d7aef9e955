"""Which of an API's sub-paths was asked for: what scopes it needs, and what the backend calls it."""

import re
from collections.abc import Sequence
from typing import Final, Protocol, TypeVar
from urllib.parse import unquote

from services.data_plane.refusal import RefusedError
from shared.definition import PathDefinition
from shared.paths import REST, is_parameter, shape_of, specificity, split_path

# What one server cuts off or decodes again, and another takes for a part of the name.
_AMBIGUOUS: Final = re.compile(r"[\x00-\x1f\x7f/\\;\ud800-\udfff]|%[0-9A-Fa-f]{2}")
_BROKEN: Final = re.compile(r"%(?![0-9A-Fa-f]{2})|#")


class _HasPath(Protocol):
    @property
    def path(self) -> str: ...


P = TypeVar("P", bound=_HasPath)


def find_path(paths: Sequence[P], rest: str) -> P | None:
    """Return the most specific path that matches. Raises `RefusedError` for what a backend may read in another way.

    Case makes no difference: a backend for which it makes none would serve what was not asked for.
    """
    if not paths:
        return None
    asked = [_decode(segment) for segment in split_path(rest)]
    matching = (path for path in paths if _matches(shape_of(path.path), asked))
    return min(matching, key=lambda path: specificity(path.path), default=None)


def map_path(path: PathDefinition, rest: str) -> str:
    """Return what the backend is asked for in the place of `rest`, whose segments stay as they came."""
    if path.backend_path is None:
        return rest
    pattern, given = split_path(path.path), split_path(rest)
    values = {name: value for name, value in zip(pattern, given, strict=False) if is_parameter(name)}
    mapped: list[str] = []
    for segment in split_path(path.backend_path):
        if segment == REST:
            mapped += given[len(pattern) - 1 :]
        else:
            mapped.append(values.get(segment, segment))
    slash = "/" if rest.endswith("/") else ""
    return "".join(f"/{segment}" for segment in mapped) + slash


def _decode(segment: str) -> str:
    if not segment:
        raise _ambiguous()
    if segment.isalnum() and segment.isascii():
        return segment.casefold()
    try:
        decoded = unquote(segment, errors="strict")
    except UnicodeError as error:
        raise _ambiguous() from error
    if _BROKEN.search(segment) or _AMBIGUOUS.search(decoded):
        raise _ambiguous()
    return decoded.casefold()


def _matches(shape: tuple[str, ...], asked: list[str]) -> bool:
    if shape[-1:] == (REST,):
        shape = shape[:-1]
        if len(asked) < len(shape):
            return False
    elif len(asked) != len(shape):
        return False
    return all(part in ("{}", segment) for part, segment in zip(shape, asked, strict=False))


def _ambiguous() -> RefusedError:
    return RefusedError("malformed_upgrade", "The path can be read in more than one way.")
