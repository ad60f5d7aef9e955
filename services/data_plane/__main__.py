"""Run a pod: `python -m services.data_plane`, or `framegate data-plane`."""

import asyncio
import logging
import os
import signal
import sys

import uvloop

from services.data_plane.app import Ports, run_pod
from services.data_plane.descriptors import TooFewDescriptorsError, raise_limit
from services.data_plane.settings import Settings
from services.data_plane.sockets import PortError, check_free
from services.data_plane.tls import CertificateError, load_certificate
from services.data_plane.workers import run_workers
from shared import logs

log = logging.getLogger(__name__)


def serve(*, host: str, port: int, tls_port: int, ops_port: int, workers: int | None = None) -> None:
    """Serve a pod until SIGTERM or SIGINT, then drain. Without a number there is one worker for each core."""
    settings, ports = Settings(), Ports(host, port, tls_port, ops_port)
    logs.install(settings)
    count = workers or count_cores()
    try:
        _check(settings, ports)
    except (CertificateError, PortError, TooFewDescriptorsError) as error:
        sys.exit(f"framegate: {error}")
    if count == 1:
        uvloop.run(_serve(settings, ports))
    elif not run_workers(settings, ports, count):
        sys.exit("framegate: some workers did not end in time, and were killed")


def count_cores() -> int:
    """Return on how many cores this process may run."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _check(settings: Settings, ports: Ports) -> None:
    """See to what no worker could start without, while it can still be said in one line."""
    raise_limit()
    needed = [ports.port, ports.ops_port]
    if load_certificate(settings) is not None:
        needed.append(ports.tls_port)
    for port in needed:
        check_free(ports.host, port)


async def _serve(settings: Settings, ports: Ports) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with run_pod(settings, ports) as running:
        loop.add_signal_handler(signal.SIGHUP, running.pod.reload_certificate)
        log.info("serving on %s", ports.describe(settings))
        await stop.wait()
        log.info("draining %d connections", len(running.pod.registry))


if __name__ == "__main__":
    serve(host="127.0.0.1", port=9099, tls_port=8099, ops_port=9100)
