"""Run a pod: `python -m services.data_plane`, or `framegate data-plane`."""

import asyncio
import logging
import signal

import uvloop

from services.data_plane.app import Ports, run_pod
from services.data_plane.settings import Settings

log = logging.getLogger(__name__)


def serve(*, host: str, port: int, tls_port: int, ops_port: int) -> None:
    """Serve a pod until SIGTERM or SIGINT, then drain."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    uvloop.run(_serve(Settings(), Ports(host, port, tls_port, ops_port)))


async def _serve(settings: Settings, ports: Ports) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with run_pod(settings, ports) as running:
        secure = f", {running.tls_port} (wss)" if running.tls_port else ""
        log.info("serving on %s, ports %d (ws)%s, %d (ops)", ports.host, running.port, secure, running.ops_port)
        await stop.wait()
        log.info("draining %d connections", len(running.pod.registry))


if __name__ == "__main__":
    serve(host="127.0.0.1", port=9099, tls_port=8099, ops_port=9100)
