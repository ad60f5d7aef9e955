"""Brings events to their receivers: within limits, and nowhere but where backends may be."""

import asyncio
import socket
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import httpx

from services.control_plane.kit.problems import InvalidError
from services.control_plane.publisher.addresses import AddressChecker, AddressForbiddenError, Target
from services.control_plane.publisher.exchange import exchange

SECONDS: Final = 10.0
"""For one delivery, from the connection to the head of the answer."""

_PLAIN: Final = "must be https: http is for addresses that FRAMEGATE_ENDPOINT_ALLOW names"


class NotPostedError(Exception):
    """Nobody took it. It says why, without the addresses that a name leads to."""


class Poster:
    def __init__(self, addresses: AddressChecker, seconds: float = SECONDS) -> None:
        self._addresses = addresses
        self._seconds = seconds

    def check(self, url: str) -> None:
        """Refuse a URL where nothing may be sent, before any transaction begins. Raises `InvalidError`."""
        self._addresses.check([("url", url)])
        if _is_plain(url):
            try:
                self._find(url)
            except NotPostedError as error:
                raise InvalidError.of("url", str(error)) from error

    def post(self, url: str, headers: Mapping[str, str], body: str) -> int:
        """Return the status that is answered; nothing is read of what follows it. Raises `NotPostedError`."""
        target = self._find(url)
        try:
            return asyncio.run(
                exchange("POST", url, target, _status, seconds=self._seconds, headers=headers, content=body)
            )
        except TimeoutError as error:
            raise NotPostedError("there was no answer in time") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise NotPostedError(f"it can't be reached: {type(error).__name__}") from error

    def _find(self, url: str) -> Target:
        try:
            target = self._addresses.resolve(url)
        except AddressForbiddenError as error:
            raise NotPostedError("leads to an address that is not allowed") from error
        except (socket.gaierror, UnicodeError) as error:
            raise NotPostedError("its host's name has no address") from error
        if _is_plain(url) and not target.near:
            raise NotPostedError(_PLAIN)
        return target


def _is_plain(url: str) -> bool:
    return urlsplit(url).scheme != "https"


async def _status(response: httpx.Response) -> int:
    return response.status_code
