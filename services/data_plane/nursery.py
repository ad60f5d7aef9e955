"""Where workers are forked: a process that has imported everything, and has no event loop or thread to inherit."""

import gc
import logging
import multiprocessing
import signal
import socket
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess
from typing import Final

log = logging.getLogger(__name__)

Work = Callable[[socket.socket, bool], None]
"""What a worker does, with the channel to its parent, and whether it takes the place of one that ended."""

_FORK: Final = multiprocessing.get_context("fork")
_FIRST, _AGAIN, _KILL = b"1", b"2", b"9"


class Nursery:
    """Forks workers on demand. They all end when it goes: by themselves, or killed after `patience_seconds`."""

    def __init__(self, work: Work, patience_seconds: float) -> None:
        """Fork the nursery itself. Call this ahead of any event loop."""
        self._requests, theirs = socket.socketpair()
        gc.collect()
        gc.freeze()  # what is there already is shared by all: a collection would touch, and so copy, every page
        self._process = _FORK.Process(target=_tend, args=(theirs, self._requests, work, patience_seconds))
        self._process.start()
        theirs.close()

    def fork(self, *, again: bool) -> socket.socket:
        """Start a worker; return the channel to it, which ends when the worker does."""
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._requests, [_AGAIN if again else _FIRST], [theirs.fileno()])
        return ours

    def kill(self) -> None:
        """End every worker at once."""
        self._requests.sendall(_KILL)

    def close(self) -> None:
        self._requests.close()
        self._process.join()


def _tend(requests: socket.socket, parents_end: socket.socket, work: Work, patience_seconds: float) -> None:
    """Do what is asked for until the parent closes its end, or is gone."""
    parents_end.close()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # these may reach the whole group; the parent says what they mean
    workers: list[ForkProcess] = []
    while True:
        ready = wait([requests, *(worker.sentinel for worker in workers)])
        workers = [worker for worker in workers if not _has_ended(worker)]
        if requests not in ready:
            continue
        message, channels, _, _ = socket.recv_fds(requests, 1, 1)
        if message == _KILL:
            _kill(workers)
        elif channels:
            with socket.socket(fileno=channels[0]) as channel:
                worker = _FORK.Process(target=_begin, args=(requests, channel, work, message == _AGAIN))
                worker.start()
                workers.append(worker)
        else:
            break
    deadline = time.monotonic() + patience_seconds
    for worker in workers:
        worker.join(max(0.0, deadline - time.monotonic()))
    _kill([worker for worker in workers if not _has_ended(worker)])
    logging.shutdown()  # a fork ends without it


def _begin(requests: socket.socket, channel: socket.socket, work: Work, again: bool) -> None:
    requests.close()
    work(channel, again)


def _has_ended(worker: ForkProcess) -> bool:
    if worker.exitcode is None:
        return False
    if worker.exitcode:
        how = f"code {worker.exitcode}" if worker.exitcode > 0 else signal.Signals(-worker.exitcode).name
        log.error("the worker with the process id %d ended with %s", worker.pid, how)
    return True


def _kill(workers: list[ForkProcess]) -> None:
    for worker in workers:
        log.error("the worker with the process id %d does not end: it is killed", worker.pid)
        worker.kill()
