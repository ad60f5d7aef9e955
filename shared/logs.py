"""Lines of the log: one each, whatever stands in it, and nobody waits until it is written."""

import json
import logging
import os
import re
import select
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any, Final

from shared.observing import ObservedSettings

MOST_LINES: Final = 10_000
"""So many wait to be written, for instance while nobody reads the pipe. Those beyond are dropped, and counted."""

OURS: Final = ("__main__", "cli", "framegate", "services", "shared", "uvicorn")
"""Of other libraries only what is wrong is logged: one's lines have the URLs that it asks for, with their queries."""

MOST_CHARACTERS: Final = 8192
LAST_SECONDS: Final = 1.0
GATHER_SECONDS: Final = 0.01
"""Lines that come together are written together: a thread that wakes for each takes the time of whoever logs."""

IDLE_SECONDS: Final = 0.1
"""Without a line for so long the thread ends: while there is one, each system call of the process costs more."""

_NUMBER: Final = (int, float)
_PLAIN: Final = re.compile(r"[\w./:@+,*%\[\]-]+", re.ASCII)
_JSON: Final = json.JSONEncoder(default=str, separators=(",", ":"))
_BREAKING: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def write_line(log: logging.Logger, event: str, line: Mapping[str, Any]) -> None:
    """Log a line of fixed fields: a `TypedDict`. Where it is called from, which no line shows, is not looked up."""
    if log.isEnabledFor(logging.INFO):
        log.handle(log.makeRecord(log.name, logging.INFO, "", 0, event, (), None, extra={"fields": line}))


class QueuedHandler(logging.Handler):
    """Hands lines to a thread that writes them: a pipe that nobody reads stops that thread, and nothing else."""

    def __init__(self, formatter: logging.Formatter, descriptor: int, most: int = MOST_LINES) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.dropped = 0
        self.waits = False
        self._descriptor = descriptor
        self._most = most
        self.begin()
        os.register_at_fork(after_in_child=partial(_begin_again, weakref.ref(self)))

    def begin(self) -> None:
        """Begin with nothing to write: a forked child has neither the thread nor the duty to write what waits."""
        self._lines: deque[bytes] = deque()
        self._thread: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001 - a call that logs badly must not end what it is about
            self.dropped += 1
            return
        if len(self._lines) < self._most:
            self._lines.append(f"{line}\n".encode("utf-8", "backslashreplace"))
        else:
            self.dropped += 1
        if self._thread is None:
            self._ending = threading.Event()
            self._thread = threading.Thread(
                target=self._write, args=(self._lines, self._ending), name="log", daemon=True
            )
            self._thread.start()
        if self.waits:
            self.flush()

    def take_dropped(self) -> int:
        taken = self.dropped
        self.dropped -= taken
        return taken

    def flush(self) -> None:
        """Write what waits, as far as it is taken within a second."""
        self.acquire()  # the thread must not end by itself meanwhile
        try:
            thread, self._thread = self._thread, None
            if thread is not None:
                self._ending.set()
                thread.join(LAST_SECONDS)  # if nobody reads, it goes with the process
        finally:
            self.release()

    def close(self) -> None:
        self.flush()
        super().close()

    def _write(self, lines: deque[bytes], ending: threading.Event) -> None:
        """Write what has gathered, until there was nothing for a while: who logs then starts a thread."""
        quiet_seconds = 0.0
        while not ending.wait(GATHER_SECONDS):
            if lines:
                quiet_seconds = 0.0
                self._write_all(lines)
            else:
                quiet_seconds += GATHER_SECONDS
                if quiet_seconds >= IDLE_SECONDS and self._retire(lines):
                    return
        self._write_all(lines)

    def _retire(self, lines: deque[bytes]) -> bool:
        """Let this thread end unless somebody is logging, who would count on it."""
        if self.lock is None or not self.lock.acquire(blocking=False):  # `logging` holds it around `emit`
            return False
        try:
            if not lines and self._thread is threading.current_thread():
                self._thread = None
            return not lines
        finally:
            self.lock.release()

    def _write_all(self, lines: deque[bytes]) -> None:
        while lines:
            count, part = 1, lines.popleft()
            # What is longer may be mixed with what other processes write into the same pipe.
            while lines and len(part) + len(lines[0]) <= select.PIPE_BUF:
                count, part = count + 1, part + lines.popleft()
            try:
                while part:
                    part = part[self._write_some(part) :]
            except OSError:  # nobody will ever read it
                self.dropped += count

    def _write_some(self, line: bytes) -> int:
        try:
            return os.write(self._descriptor, line)
        except BlockingIOError:  # another process made the pipe so
            select.select([], [self._descriptor], [])
            return 0


class JsonFormatter(logging.Formatter):
    """An object a line. JSON escapes whatever could end the line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _time_of(record),
            "level": record.levelname,
            "pid": record.process,
            "logger": record.name,
            "event": record.getMessage()[:MOST_CHARACTERS],
            **_fields_of(record),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)[-MOST_CHARACTERS:]
        return _JSON.encode(line)


class ConsoleFormatter(logging.Formatter):
    """For people: the same, in words and `name=value`. Nothing in it begins a line but we: a traceback is indented."""

    def format(self, record: logging.LogRecord) -> str:
        event = _BREAKING.sub(lambda found: repr(found[0])[1:-1], record.getMessage()[:MOST_CHARACTERS])
        head = f"{_time_of(record)} {record.process} {record.levelname} {record.name} {event}"
        shown = [
            f"{name}={value if isinstance(value, _NUMBER) else '-' if value is None else _quote(str(value))}"
            for name, value in _fields_of(record).items()
        ]
        line = " ".join([head, *shown])
        if record.exc_info:
            line += "".join(
                f"\n    {part}" for part in self.formatException(record.exc_info)[-MOST_CHARACTERS:].splitlines()
            )
        return line


def install(settings: ObservedSettings, descriptor: int | None = None) -> None:
    """Have this process, and those that it forks, log as the settings say. Whoever set logging up before has their way.

    Without a descriptor lines go to standard error.
    """
    root = logging.getLogger()
    if any(not isinstance(handler, QueuedHandler) for handler in root.handlers):
        return
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        handler.close()
    formatter = JsonFormatter() if settings.log_format == "json" else ConsoleFormatter()
    root.addHandler(QueuedHandler(formatter, sys.stderr.fileno() if descriptor is None else descriptor))
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    root.setLevel(max(level, logging.WARNING))
    for name in OURS:
        logging.getLogger(name).setLevel(level)
    # What no line shows need not be found out for each: the library's own advice.
    logging.logThreads = logging.logMultiprocessing = False


def take_dropped() -> int:
    """Return how many lines this process dropped since it was last asked."""
    return sum(handler.take_dropped() for handler in _handlers())


def finish() -> None:
    """Wait for each line from now on: this process may end at any moment, of a signal."""
    for handler in _handlers():
        handler.waits = True


def _handlers() -> list[QueuedHandler]:
    return [handler for handler in logging.getLogger().handlers if isinstance(handler, QueuedHandler)]


def _begin_again(reference: "weakref.ref[QueuedHandler]") -> None:
    if (handler := reference()) is not None:
        handler.begin()


def _time_of(record: logging.LogRecord) -> str:
    return f"{_second(int(record.created))}.{int(record.msecs):03d}Z"


@lru_cache(maxsize=2)
def _second(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def _fields_of(record: logging.LogRecord) -> Mapping[str, Any]:
    found: Mapping[str, Any] = getattr(record, "fields", {})
    return found


@lru_cache(maxsize=1000)
def _quote(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else json.dumps(text)
