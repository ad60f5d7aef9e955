"""Names to addresses, and whether a backend may be there."""

import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from services.control_plane.kit.bulkhead import Bulkhead
from services.control_plane.kit.problems import FieldError, InvalidError
from shared.addresses import AddressPolicy

_LOOKUP_SECONDS: Final = 10.0  # for all the names of a request
_FORBIDDEN: Final = "leads to an address that is not allowed"
_PORTS: Final = {"ws": 80, "http": 80, "wss": 443, "https": 443}


class AddressForbiddenError(Exception):
    """A name leads to an address where no backend may be."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads: its host and port, and every address of the host.

    It is `near` where the operator allowed each address by its network.
    """

    host: str
    port: int
    addresses: tuple[str, ...]
    near: bool


class AddressChecker:
    def __init__(self, policy: AddressPolicy, bulkhead: Bulkhead) -> None:
        self._policy = policy
        self._bulkhead = bulkhead

    def resolve(self, url: str) -> Target:
        """Return where a URL leads. Raises `OSError` without an answer, and `AddressForbiddenError`."""
        parts = urlsplit(url)
        host, port = parts.hostname or "", _port(parts)
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
        if not all(map(self._policy.permits, addresses)):
            raise AddressForbiddenError(host)
        return Target(host, port, addresses, all(map(self._policy.names, addresses)))

    def check(self, urls: list[tuple[str, str]]) -> None:
        """Refuse URLs, each given with its field, that lead to a forbidden address. Raises `InvalidError`.

        A name without an answer is let pass: it may get one later, and pods check again when they dial.
        """
        deadline = time.monotonic() + _LOOKUP_SECONDS
        with self._bulkhead.place():
            forbidden = [
                field
                for field, url in urls
                if (time.monotonic() < deadline or _is_literal(url)) and self._is_forbidden(url)
            ]
        if forbidden:
            raise InvalidError(errors=[FieldError(field, _FORBIDDEN) for field in forbidden])

    def _is_forbidden(self, url: str) -> bool:
        try:
            self.resolve(url)
        except AddressForbiddenError:
            return True
        except (OSError, ValueError):
            return False
        return False


def _is_literal(url: str) -> bool:
    try:
        ip_address(urlsplit(url).hostname or "")
    except ValueError:
        return False
    return True


def urls_in_patch(patch: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the URLs that a merge patch brings in, whatever its shape: what else is wrong is said later."""
    found = []
    for environment, endpoint in _mapping(patch.get("endpoints")).items():
        urls = _mapping(endpoint).get("urls")
        for index, url in enumerate(urls if isinstance(urls, list) else ()):
            if isinstance(url, str):
                found.append((f"endpoints.{environment}.urls.{index}", url))
    return found


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _port(parts: SplitResult) -> int:
    return parts.port or _PORTS.get(parts.scheme, 80)
