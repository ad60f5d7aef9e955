"""However a connection to Redis is lost, whoever asks is told by a `RedisError`: nobody expects another."""

import asyncio
import socket
import struct
import threading
from collections.abc import Iterator
from socketserver import BaseRequestHandler, TCPServer

import pytest
from redis.exceptions import RedisError

from services.data_plane.redis_client import connect, disconnect

AT_ONCE = 20
TIMES = 100
"""One connection in a hundred is reset between being open and the first write."""


class Resetting(BaseRequestHandler):
    def handle(self) -> None:
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.request.close()


@pytest.fixture
def resetting_port() -> Iterator[int]:
    """Listen on a port where each connection is reset."""
    with TCPServer(("127.0.0.1", 0), Resetting) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield int(server.server_address[1])
        server.shutdown()
        thread.join()


async def test_a_connection_that_is_reset_at_any_moment(resetting_port: int) -> None:
    redis = connect(f"redis://127.0.0.1:{resetting_port}/0", seconds=5)

    async def ask() -> None:
        for _ in range(TIMES):
            with pytest.raises(RedisError):
                await redis.ping()
            pipe = redis.pipeline(transaction=False)
            pipe.ping()
            with pytest.raises(RedisError):
                await pipe.execute(raise_on_error=False)

    await asyncio.gather(*(ask() for _ in range(AT_ONCE)))
    await disconnect(redis)
