"""Names and addresses, with a resolver that answers what a test says."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from services.data_plane.connector import Connector
from services.data_plane.refusal import BackendFailedError
from shared.addresses import AddressPolicy
from shared.backend_tls import make_context
from tests.support.waiting import free_port

NAME = "backend.test"
Resolve = Callable[..., None]


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """Return how to have the name lead to these addresses."""
    real = socket.getaddrinfo

    def to(*addresses: str) -> None:
        def answer(host: str, port: int, **options: Any) -> list[Any]:
            found = addresses if host == NAME else (host,)  # uvloop asks about addresses, too
            return [entry for address in found for entry in real(address, port, **options)]

        monkeypatch.setattr(
            asyncio.get_running_loop(),
            "getaddrinfo",
            lambda *args, **options: asyncio.to_thread(answer, *args, **options),
        )

    return to


async def connect(port: int, seconds: float = 5.0, scheme: str = "ws", host: str = NAME) -> str:
    """Connect to a name, and return the address that answered."""
    connector = Connector(AddressPolicy.parse("127.0.0.0/8", ""), seconds)
    parts = urlsplit(f"{scheme}://{host}:{port}/")
    protocol = await connector.connect(parts, make_context(None, None), Remembering)
    with closing(protocol.transport):
        return str(protocol.transport.get_extra_info("peername")[0])


class Remembering(asyncio.Protocol):
    transport: asyncio.BaseTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport


@contextmanager
def silent_listener(address: str, port: int) -> Iterator[None]:
    """Listen where no connection is ever made: the queue is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind((address, port))
        listener.listen(0)
        for _ in range(2):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex((address, port))
        yield


async def test_another_address_answers_for_one_that_refuses(resolve: Resolve) -> None:
    resolve("127.0.0.2", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert await connect(server.getsockname()[1]) == "127.0.0.1"


async def test_another_address_answers_for_one_that_is_silent(resolve: Resolve) -> None:
    resolve("127.0.0.2", "127.0.0.1")
    with socket.create_server(("127.0.0.1", free_port())) as server:
        port = server.getsockname()[1]
        with silent_listener("127.0.0.2", port):
            assert await connect(port) == "127.0.0.1"


async def test_silence_ends_in_time(resolve: Resolve) -> None:
    resolve("127.0.0.1")
    port = free_port()
    with silent_listener("127.0.0.1", port), pytest.raises(BackendFailedError) as failed:
        await connect(port, seconds=0.2)
    assert (failed.value.problem.slug, failed.value.elsewhere) == ("upstream_timeout", True)
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling(), "the time limit is no reason to give up what comes next"


async def test_whoever_gives_up_is_not_told_of_a_time_limit(resolve: Resolve) -> None:
    resolve("127.0.0.1")
    port = free_port()
    with silent_listener("127.0.0.1", port), pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await connect(port)


async def test_a_server_that_never_finishes_tls_ends_in_time(resolve: Resolve) -> None:
    resolve("127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(BackendFailedError) as failed:
        await connect(server.getsockname()[1], seconds=0.2, scheme="wss")
    assert failed.value.problem.slug == "upstream_timeout"


async def test_one_forbidden_address_forbids_the_name(resolve: Resolve) -> None:
    resolve("127.0.0.1", "169.254.169.254")
    with socket.create_server(("127.0.0.1", 0)) as server:
        with pytest.raises(BackendFailedError) as failed:
            await connect(server.getsockname()[1])
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert failed.value.problem.slug == "address_forbidden"


@pytest.mark.parametrize("host", [NAME, "a..b"])
async def test_a_name_without_an_address(host: str) -> None:
    with pytest.raises(BackendFailedError) as failed:
        await connect(9, host=host)
    assert (failed.value.problem.slug, failed.value.elsewhere) == ("upstream_unreachable", True)
