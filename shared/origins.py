"""Which web pages may connect (RFC 6455, section 10.2), and ask for tickets."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

_ANY: Final = "*"
_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def is_allowed(origin: str | None, allowed: Sequence[str]) -> bool:
    """Tell whether an origin may connect: no list allows all, and a client without an origin is no browser."""
    return not allowed or origin is None or is_listed(origin, allowed)


def is_listed(origin: str, listed: Sequence[str]) -> bool:
    """Tell whether an origin matches one of a list.

    Scheme, host and port are compared; `*.` stands for one label.
    """
    if _ANY in listed:
        return True
    mine = _parts(origin)
    return mine is not None and any(_matches(mine, _parts(pattern)) for pattern in listed)


def _parts(origin: str) -> tuple[str, str, int | None] | None:
    try:
        url = urlsplit(origin)
        return url.scheme, (url.hostname or ""), url.port or _PORTS.get(url.scheme)
    except ValueError:
        return None


def _matches(mine: tuple[str, str, int | None], pattern: tuple[str, str, int | None] | None) -> bool:
    if pattern is None or mine[0] != pattern[0] or mine[2] != pattern[2]:
        return False
    host, wanted = mine[1], pattern[1]
    if wanted.startswith("*."):
        return host.partition(".")[2] == wanted[2:]
    return host == wanted
