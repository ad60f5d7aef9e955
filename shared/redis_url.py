"""Where Redis is, as `FRAMEGATE_REDIS_URL` says it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

SCHEMES: Final = (
    "redis",
    "rediss",
    "unix",
    "redis+sentinel",
    "rediss+sentinel",
    "redis+cluster",
    "rediss+cluster",
)

_SENTINEL: Final = "+sentinel"
_SENTINEL_PORT: Final = 26379
_CLUSTER: Final = "+cluster"
_PORT: Final = 6379
_OF_TLS: Final = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_OF_SENTINELS: Final = {"sentinel_username": "username", "sentinel_password": "password"}


@dataclass(frozen=True, slots=True)
class SentinelUrl:
    """Which sentinels know the primary of `service`, and the options of connections to them and to Redis."""

    sentinels: tuple[tuple[str, int], ...]
    service: str
    asking: Mapping[str, Any] = field(repr=False)
    options: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClusterUrl:
    """Nodes of which one is enough to find the others, and the options of connections to all of them."""

    nodes: tuple[tuple[str, int], ...]
    options: Mapping[str, Any] = field(repr=False)


def read_redis_url(url: str) -> SentinelUrl | ClusterUrl | None:
    """Return what a URL says of sentinels or a cluster; None where it names a Redis itself, which redis-py reads.

    Raises `ValueError`, which never holds a part of the URL that could be of its password.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # its text quotes what it was given
        raise ValueError("is not a URL: percent-encode what is special in a password") from None
    if parts.scheme not in SCHEMES:
        raise ValueError(f"must be a URL of {', '.join(f'{scheme}://' for scheme in SCHEMES)}")
    if parts.fragment:
        raise ValueError("must have no '#': percent-encode it in a password")
    query = _read_query(parts)
    if parts.scheme.endswith(_SENTINEL):
        return _read_sentinels(parts, query)
    if parts.scheme.endswith(_CLUSTER):
        return _read_cluster(parts, query)
    if parts.scheme != "unix":
        _read_host(parts.netloc.rpartition("@")[2], _PORT)
        _read_db(parts.path.strip("/") or "0")
    _read_db(query.get("db", "0"))
    return None


def _read_query(parts: SplitResult) -> dict[str, str]:
    allowed = [] if parts.scheme.endswith(_CLUSTER) else ["db"]
    if parts.scheme.startswith("rediss"):
        allowed += _OF_TLS
    if parts.scheme.endswith(_SENTINEL):
        allowed += _OF_SENTINELS
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if not query.keys() <= set(allowed):
        raise ValueError(
            f"has a parameter that {parts.scheme}:// does not take: it takes {', '.join(allowed) or 'none'}"
        )
    return query


def _read_sentinels(parts: SplitResult, query: Mapping[str, str]) -> SentinelUrl:
    credentials, _, hosts = parts.netloc.rpartition("@")
    service, _, db = parts.path.strip("/").partition("/")
    if not service:
        raise ValueError("must name the sentinels' service: redis+sentinel://host:port,host:port/service/db")
    tls = _read_tls(parts, query)
    return SentinelUrl(
        sentinels=tuple(_read_host(host, _SENTINEL_PORT) for host in hosts.split(",")),
        service=unquote(service),
        asking=tls | {name: query[given] for given, name in _OF_SENTINELS.items() if given in query},
        options=tls | {"db": _read_db(db or query.get("db", "0"))} | _read_credentials(credentials),
    )


def _read_cluster(parts: SplitResult, query: Mapping[str, str]) -> ClusterUrl:
    credentials, _, hosts = parts.netloc.rpartition("@")
    if parts.path.strip("/") not in ("", "0"):
        raise ValueError("must have no path: a cluster has one database, redis+cluster://host:port,host:port")
    return ClusterUrl(
        nodes=tuple(_read_host(host, _PORT) for host in hosts.split(",")),
        options=_read_tls(parts, query) | _read_credentials(credentials),
    )


def _read_tls(parts: SplitResult, query: Mapping[str, str]) -> dict[str, Any]:
    given: dict[str, Any] = {name: query[name] for name in _OF_TLS if name in query}
    return given | ({"ssl": True} if parts.scheme.startswith("rediss") else {})


def _read_credentials(text: str) -> dict[str, str | None]:
    username, _, password = text.partition(":")
    return {"username": unquote(username) or None, "password": unquote(password) or None}


def _read_host(text: str, default_port: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("has a port that is no number up to 65535: percent-encode ':', '/' and '@'") from None
    if not host:
        raise ValueError("must name a host")
    return host, default_port if port is None else port


def _read_db(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError("must have a number as its database")
    return int(text)
