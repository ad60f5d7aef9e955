"""Secrets that went over the wire, and a look at what is kept: none may stand there in clear."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, cast
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import httpx
from redis import Redis
from sqlalchemy import Engine, inspect, select, table, text

SECRET_NAMES: Final = frozenset(
    (
        "access_token",
        "api_key",
        "assertion",
        "client_assertion",
        "client_secret",
        "code",
        "code_verifier",
        "consumer_secret",
        "current",
        "device_code",
        "new",
        "password",
        "private_key",
        "refresh_token",
        "registration_access_token",
        "ticket",
        "token",
    )
)
SECRET_TREES: Final = frozenset(("backend_credentials",))
"""Of these all that is in them is secret."""

_SHORTEST: Final = 16  # what is shorter may stand anywhere by chance
_PRIVATE_KEY: Final = re.compile(r"""-----BEGIN [A-Z ]*PRIVATE KEY|["']d\\?["']\s*:\s*\\?["'][\w-]{20}""")


class Canaries:
    """What clients sent and got that nobody else may find. A client of httpx is watched by its `hooks`."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    @property
    def hooks(self) -> dict[str, list[Any]]:
        return {"request": [self._sent], "response": [self._got]}

    def add(self, **secrets: str) -> None:
        self._names |= {secret: name for name, secret in secrets.items() if len(secret) >= _SHORTEST}

    def __len__(self) -> int:
        return len(self._names)

    def found_in(self, place: str) -> set[str]:
        """Return the names of the secrets that stand in a text, as they are or encoded."""
        found = {name for secret, name in self._names.items() if any(form in place for form in _forms(secret))}
        return found | ({"private key"} if _PRIVATE_KEY.search(place) else set())

    async def _sent(self, request: httpx.Request) -> None:
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            self.add(basic=_password_in(credentials))
        elif scheme:
            self.add(bearer=credentials)
        self._note(await request.aread(), request.headers.get("content-type", ""))

    async def _got(self, response: httpx.Response) -> None:
        self._note(await response.aread(), response.headers.get("content-type", ""))
        self._note(urlsplit(response.headers.get("location", "")).query.encode(), "urlencoded")

    def _note(self, content: bytes, kind: str) -> None:
        try:
            if "json" in kind:
                pairs = _secrets_in(json.loads(content))
            elif "urlencoded" in kind:
                pairs = iter([pair for pair in parse_qsl(content.decode()) if pair[0] in SECRET_NAMES])
            else:
                return
            for name, secret in pairs:
                self.add(**{name: secret})
        except (ValueError, RecursionError):
            return  # a test sends rubbish


def dump_database(engine: Engine) -> str:
    """Return all that stands in all tables."""
    with engine.connect() as connection:
        names = inspect(connection).get_table_names()
        assert names
        everything = {name: select(text("*")).select_from(table(name)) for name in names}
        rows = ((name, row) for name, all_ in everything.items() for row in connection.execute(all_))
        return "\n".join(f"{name}: {tuple(row)!r}" for name, row in rows)


def dump_redis(url: str) -> str:
    """Return all keys with all that they hold."""
    with Redis.from_url(url, decode_responses=True, encoding_errors="backslashreplace") as redis:
        return "\n".join(f"{key}: {_value_of(redis, key)!r}" for key in redis.scan_iter())


def check_nothing_leaked(canaries: Canaries, places: Mapping[str, str]) -> None:
    """Fail where a secret stands in clear in one of the places."""
    leaks = {place: sorted(found) for place, content in places.items() if (found := canaries.found_in(content))}
    assert not leaks, f"secrets stand in clear: {leaks}"


def _value_of(redis: Redis, key: str) -> object:
    read: dict[str, Callable[[], object]] = {
        "string": lambda: redis.get(key),
        "hash": lambda: redis.hgetall(key),
        "list": lambda: redis.lrange(key, 0, -1),
        "set": lambda: redis.smembers(key),
        "zset": lambda: redis.zrange(key, 0, -1, withscores=True),
        "stream": lambda: redis.xrange(key),
        "none": lambda: None,  # it has expired
    }
    return read[str(redis.type(key))]()


def _secrets_in(tree: Any, name: str = "", *, secret: bool = False) -> Iterator[tuple[str, str]]:
    if isinstance(tree, str) and secret:
        yield name, tree
    elif isinstance(tree, list):
        for item in tree:
            yield from _secrets_in(item, name, secret=secret)
    elif isinstance(tree, dict):
        for key, value in cast("dict[str, Any]", tree).items():
            is_leaf = key in SECRET_NAMES and isinstance(value, str)
            yield from _secrets_in(value, key, secret=secret or is_leaf or key in SECRET_TREES)


def _password_in(credentials: str) -> str:
    try:
        return unquote(base64.b64decode(credentials).decode().partition(":")[2])
    except (binascii.Error, ValueError):
        return ""


def _forms(secret: str) -> set[str]:
    raw = secret.encode()
    return {secret, repr(secret)[1:-1], quote(secret), base64.b64encode(raw).decode().rstrip("="), raw.hex()}
