"""Backends that are gone without a word."""

import socket
import time

from services.data_plane.keepalive import keep_alive
from services.data_plane.liveness import PROBED_AFTER_SECONDS
from tests.integration.data_plane.conftest import Gate


async def test_the_kernel_looks_after_the_backend_of_a_connection_that_stays(gate: Gate) -> None:
    async with gate.connect():
        (connection,) = gate.pod.registry.all()
        sock = connection.relay.backend.source.get_extra_info("socket")
        assert connection.liveness.next_due(time.monotonic()) <= time.monotonic() + PROBED_AFTER_SECONDS
        assert not sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        connection.liveness.check(time.monotonic() + PROBED_AFTER_SECONDS)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        idle, interval, number = (
            sock.getsockopt(socket.IPPROTO_TCP, option)
            for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        )
        assert (idle + interval * number) * 1000 == sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)


async def test_a_backend_that_is_gone_already_is_no_fault(gate: Gate) -> None:
    async with gate.connect() as client:
        (connection,) = gate.pod.registry.all()
        backend = connection.relay.backend.source
        backend.abort()
        keep_alive(backend)
        await client.wait_closed()
        keep_alive(backend)
