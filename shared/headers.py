"""Names of HTTP headers: which of them a client or an API has no say in towards a backend."""

from functools import lru_cache
from typing import Final

HOP_BY_HOP: Final = frozenset(
    {
        "connection", "content-length", "expect", "host", "keep-alive", "proxy-authenticate", "proxy-authorization",
        "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
CREDENTIALS: Final = frozenset({"authorization", "cookie", "dpop", "x-api-key"})
SET_BY_GATEWAY: Final = frozenset(
    {
        "forwarded", "traceparent", "tracestate", "x-consumer-application", "x-forwarded-for", "x-forwarded-host",
        "x-forwarded-port", "x-forwarded-proto", "x-jwt-assertion", "x-real-ip", "x-request-id",
    }
)  # fmt: skip

_BELIEVED: Final = "x-forwarded-"
"""Backends believe what stands under such names: who is connected to them must have said it."""


def plain(name: str) -> str:
    """Return a name as a careless backend may read it: without case, and `_` and `.` as `-`."""
    return name.lower().replace("_", "-").replace(".", "-")


def is_reserved(name: str) -> bool:
    """Tell whether only the gateway may send this header to a backend."""
    known = plain(name)
    return known in HOP_BY_HOP or known in SET_BY_GATEWAY or known.startswith("sec-websocket-")


@lru_cache(maxsize=1000)
def may_pass(name: str) -> bool:
    """Tell whether a client's header may reach a backend as it is."""
    known = plain(name)
    return not is_reserved(name) and known not in CREDENTIALS and not known.startswith(_BELIEVED)
