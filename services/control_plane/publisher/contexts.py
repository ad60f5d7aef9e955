"""One space of addresses for all organisations: each has a part of it, so that nobody learns of another's."""

from typing import Final

from services.control_plane.kit.problems import InvalidError
from services.control_plane.kit.tenancy import DEFAULT_ORGANISATION

_PARTED: Final = "/t"


def prefix_of(organisation: str) -> str:
    return f"{_PARTED}/{organisation}"


def check_context(organisation: str, context: str) -> None:
    """Refuse a context that is not in an organisation's part. Raises `InvalidError`."""
    key = f"{context.lower()}/"
    if organisation == DEFAULT_ORGANISATION:
        if key.startswith(f"{_PARTED}/"):
            raise InvalidError.of("context", f"must not begin with {_PARTED}/: other organisations' contexts do")
    elif not key.startswith(own := f"{prefix_of(organisation)}/") or key == own:
        raise InvalidError.of("context", f"must begin with {own}, and go on: {own}echo")
