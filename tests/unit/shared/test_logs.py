import json
import logging
import multiprocessing
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from shared import logs
from shared.logs import ConsoleFormatter, JsonFormatter, QueuedHandler
from shared.observing import LogFormat, LogLevel, ObservedSettings
from tests.support.waiting import wait_until

HOSTILE = "a\r\n2026-01-01T00:00:00.000Z 1 INFO forged \u2028\x1b[31m\x00 b=c\udc80"


def record(message: str = "done", *args: object, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("services.x", logging.INFO, __file__, 1, message, args, None)
    made.fields = fields
    return made


def failed(text: str) -> logging.LogRecord:
    made, error = record(), ValueError(text)
    made.exc_info = (ValueError, error, None)
    return made


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    try:
        yield reading, writing
    finally:
        os.close(reading)
        os.close(writing)


@contextmanager
def bare_root(*handlers: logging.Handler) -> Iterator[logging.Logger]:
    """Leave the root logger with these handlers alone for a while."""
    root = logging.getLogger()
    kept, levels = root.handlers[:], {name: logging.getLogger(name).level for name in (None, *logs.OURS)}
    root.handlers[:] = handlers
    try:
        yield root
    finally:
        for handler in root.handlers:
            handler.close()
        root.handlers[:] = kept
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


@pytest.mark.parametrize("formatter", [JsonFormatter(), ConsoleFormatter()])
def test_nothing_in_a_value_ends_the_line_or_begins_another(formatter: logging.Formatter) -> None:
    text = formatter.format(record("heard %s", HOSTILE, user=HOSTILE))
    assert len(text.splitlines()) == 1
    assert "\x1b" not in text
    assert text.encode("utf-8", "backslashreplace")


def test_a_json_line_gives_back_what_was_put_in() -> None:
    line = json.loads(JsonFormatter().format(record("%d connections", 3, user=HOSTILE, seconds=0.5, api=None)))
    assert line["event"] == "3 connections"
    assert line["user"] == HOSTILE
    assert (line["seconds"], line["api"]) == (0.5, None)
    assert (line["level"], line["logger"], line["pid"]) == ("INFO", "services.x", os.getpid())
    assert time.strptime(line["time"], "%Y-%m-%dT%H:%M:%S.%fZ")


def test_a_console_line_quotes_what_could_be_misread() -> None:
    line = ConsoleFormatter().format(record(api="/echo", user="a b", empty="", none=None, forged="x=1"))
    assert line.endswith('done api=/echo user="a b" empty="" none=- forged="x=1"')


def test_no_line_of_a_traceback_looks_like_a_line_of_the_log() -> None:
    text = ConsoleFormatter().format(failed(HOSTILE))
    first, *others = text.splitlines()
    assert first.endswith(" INFO services.x done")
    assert others
    assert all(line.startswith("    ") for line in others)
    assert "ValueError" in json.loads(JsonFormatter().format(failed("oh")))["error"]


def test_a_pipe_that_nobody_reads_stops_nobody_and_what_is_dropped_is_counted() -> None:
    with pipe() as (reading, writing):
        handler = QueuedHandler(JsonFormatter(), writing, most=100)
        began = time.monotonic()
        for _ in range(5000):
            handler.handle(record("x" * 100))
        assert time.monotonic() - began < 5
        assert handler.dropped > 1000
        lines = 5000 - handler.take_dropped()
        assert handler.dropped == 0
        heard = b""
        while heard.count(b"\n") < lines:
            heard += os.read(reading, 65_536)
        assert all(json.loads(line)["event"] == "x" * 100 for line in heard.splitlines())
        handler.close()


def test_lines_that_come_together_are_written_together_in_parts_that_a_pipe_takes_whole() -> None:
    reading, writing = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # which keeps writes apart
    with reading, writing:
        handler = QueuedHandler(ConsoleFormatter(), writing.fileno())
        for number in range(100):
            handler.handle(record(f"line-{number} " + "x" * 300))
        handler.close()
        writing.shutdown(socket.SHUT_WR)
        parts = list(iter(lambda: reading.recv(1 << 20), b""))
    assert len(parts) < 50
    assert all(len(part) <= select.PIPE_BUF and part.endswith(b"\n") for part in parts)
    lines = b"".join(parts).splitlines()
    assert [f"line-{number}".encode() in line for number, line in enumerate(lines)] == [True] * 100


def test_the_end_waits_for_what_is_read_and_not_for_what_is_not() -> None:
    with pipe() as (reading, writing):
        handler = QueuedHandler(ConsoleFormatter(), writing, most=10)
        handler.handle(record("the last words"))
        handler.close()
        assert b"the last words" in os.read(reading, 65_536)
    with pipe() as (_, writing):
        handler = QueuedHandler(ConsoleFormatter(), writing, most=10)
        for _ in range(200):
            handler.handle(record("x" * 1000))
        began = time.monotonic()
        handler.close()
        assert time.monotonic() - began < 5


def test_no_thread_stands_by_while_nothing_is_logged() -> None:
    with pipe() as (reading, writing):
        handler, before = QueuedHandler(ConsoleFormatter(), writing), set(threading.enumerate())
        for word in ("once", "again"):
            handler.handle(record(word))
            assert word.encode() in os.read(reading, 4096)
            wait_until(lambda: set(threading.enumerate()) <= before)
        handler.close()


def test_a_reader_that_is_gone_ends_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    handler = QueuedHandler(JsonFormatter(), writing)
    handler.handle(record())
    handler.close()
    assert handler.dropped == 1
    os.close(writing)


def test_a_call_that_logs_badly_is_dropped() -> None:
    handler = QueuedHandler(JsonFormatter(), 1)
    handler.handle(record("%d", "no number"))
    assert handler.dropped == 1


def test_a_fork_writes_its_own_lines_and_none_of_its_parents() -> None:
    with pipe() as (reading, writing):
        handler = QueuedHandler(ConsoleFormatter(), writing)
        handler.handle(record("of the parent"))

        def work() -> None:
            handler.handle(record("of the child"))
            handler.close()

        child = multiprocessing.get_context("fork").Process(target=work)
        child.start()
        child.join(20)
        handler.close()
        heard = os.read(reading, 65_536)
        assert (heard.count(b"of the parent"), heard.count(b"of the child")) == (1, 1)


@pytest.mark.parametrize(
    ("format_", "level", "first"),
    [("json", "info", lambda line: json.loads(line)["event"]), ("console", "warning", lambda line: line.split()[-1])],
)
def test_the_settings_say_how_and_how_much(format_: LogFormat, level: LogLevel, first: Callable[[bytes], str]) -> None:
    with pipe() as (reading, writing), bare_root() as root:
        logs.install(ObservedSettings(log_format=format_, log_level=level), writing)
        logging.getLogger("services.x").debug("unheard")
        logging.getLogger("services.x").warning("heard")
        root.handlers[0].close()
        assert first(os.read(reading, 65_536).splitlines()[0]) in ("heard", b"heard")


def test_other_libraries_only_say_what_is_wrong() -> None:
    with pipe() as (reading, writing), bare_root() as root:
        logs.install(ObservedSettings(log_format="json", log_level="debug"), writing)
        logging.getLogger("httpx").info("GET https://issuer.test/?secret=5ecret")
        logging.getLogger("httpx").warning("it fails")
        logging.getLogger("services.x").debug("ours")
        root.handlers[0].close()
        heard = [json.loads(line)["event"] for line in os.read(reading, 65_536).splitlines()]
        assert heard == ["it fails", "ours"]


def test_it_is_installed_once_and_never_over_somebody_elses() -> None:
    settings = ObservedSettings()
    with pipe() as (_, writing), bare_root() as root:
        for _ in range(2):
            logs.install(settings, writing)
        assert len(root.handlers) == 1
        assert logs.take_dropped() == 0
    theirs = logging.NullHandler()
    with bare_root(theirs) as root:
        logs.install(settings)
        assert root.handlers == [theirs]


def test_a_process_that_may_end_at_any_moment_waits_for_each_line() -> None:
    with pipe() as (reading, writing):
        handler = QueuedHandler(ConsoleFormatter(), writing)
        with bare_root(handler):
            logs.finish()
            handler.handle(record("the last words"))
            os.set_blocking(reading, False)
            assert b"the last words" in os.read(reading, 4096)
