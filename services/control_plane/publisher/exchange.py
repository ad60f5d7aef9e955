"""One HTTP exchange with an address that was checked: nothing is looked up again, and no redirect or proxy used."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import httpx

from services.control_plane.publisher.addresses import Target

T = TypeVar("T")

Read = Callable[[httpx.Response], Awaitable[T]]
"""Takes what is wanted of an answer, whose body is not read yet."""


async def exchange(
    method: str,
    url: str,
    target: Target,
    read: Read[T],
    *,
    seconds: float,
    headers: Mapping[str, str],
    **request: Any,
) -> T:
    """Send a request to the first of a target's addresses that can be connected to.

    Raises `TimeoutError` when it takes longer than this from the connection to the last byte, and `httpx.HTTPError`.
    """
    async with (
        asyncio.timeout(seconds),
        httpx.AsyncClient(trust_env=False, timeout=seconds, verify=ssl.create_default_context()) as client,
    ):
        for address in target.addresses[:-1]:
            try:
                return await _send(client, method, url, target, address, read, headers, request)
            except httpx.ConnectError:
                continue
        return await _send(client, method, url, target, target.addresses[-1], read, headers, request)


async def _send(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    target: Target,
    address: str,
    read: Read[T],
    headers: Mapping[str, str],
    request: Mapping[str, Any],
) -> T:
    named = httpx.URL(url)
    # The checked address is dialled. TLS is still verified by the name.
    pinned = named.copy_with(host=address, port=target.port)
    async with client.stream(
        method,
        pinned,
        headers={**headers, "Host": named.netloc.decode()},
        extensions={"sni_hostname": target.host},
        **request,
    ) as response:
        return await read(response)
