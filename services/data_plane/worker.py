"""One worker of several: a pod that shares its ports, and answers to its parent."""

import asyncio
import logging
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import uvloop

from services.data_plane.app import Pod, Ports, open_ports, start_pod
from services.data_plane.settings import Settings

log = logging.getLogger(__name__)

REPORT: Final = b"report"
RELOAD: Final = b"reload"
STOP: Final = b"stop"

_POLL_SECONDS: Final = 0.05


def work(settings: Settings, ports: Ports, name: str, channel: socket.socket, again: bool) -> None:
    """Serve for the pod of this name until the parent says stop, or is gone.

    With `again` it takes the place of one that ended.
    """
    try:
        uvloop.run(_work(settings, ports, name, channel, again=again))
    finally:
        logging.shutdown()  # a fork ends without it


async def _work(settings: Settings, ports: Ports, name: str, channel: socket.socket, *, again: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    async with start_pod(settings, name) as pod, _obeying(channel, pod, stop):
        loop.add_signal_handler(signal.SIGHUP, pod.reload_certificate)
        # Its siblings serve already: it takes no connection from them that it can't serve yet.
        while again and pod.catalogue.mark is None and not stop.is_set():  # noqa: ASYNC110 - two things to wait for
            await asyncio.sleep(_POLL_SECONDS)
        async with open_ports(pod, ports, shared=True):
            await stop.wait()
            log.info("draining %d connections", len(pod.registry))


@asynccontextmanager
async def _obeying(channel: socket.socket, pod: Pod, stop: asyncio.Event) -> AsyncIterator[None]:
    """Do what the parent says, and leave it a last report."""
    reader, writer = await asyncio.open_unix_connection(sock=channel)
    async with asyncio.TaskGroup() as group:
        obeying = group.create_task(_obey(reader, writer, pod, stop))
        yield
        obeying.cancel()
    with suppress(ConnectionError):
        _write_report(writer, pod)
        writer.close()
        await writer.wait_closed()


async def _obey(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pod: Pod, stop: asyncio.Event) -> None:
    with suppress(ConnectionError):
        while command := (await reader.readline()).strip():
            if command == REPORT:
                _write_report(writer, pod)
            elif command == RELOAD:
                pod.reload_certificate()
            elif command == STOP:
                stop.set()
    stop.set()  # the parent is gone


def _write_report(writer: asyncio.StreamWriter, pod: Pod) -> None:
    writer.write(pod.report().model_dump_json().encode() + b"\n")
