"""Which web pages may connect (RFC 6455, section 10.2)."""

from urllib.parse import urlsplit

ANY = "*"
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def is_allowed(origin: str | None, allowed: tuple[str, ...]) -> bool:
    """Tell whether an origin matches: no list allows all, and a client without an origin is no browser.

    Scheme, host and port are compared; `*.` stands for one label.
    """
    if not allowed or origin is None or ANY in allowed:
        return True
    mine = _parts(origin)
    return mine is not None and any(_matches(mine, _parts(pattern)) for pattern in allowed)


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
