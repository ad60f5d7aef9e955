"""A primary, a replica and a sentinel that watches them, on free ports of 127.0.0.1."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from cli import processes
from cli.embedded import find_binary
from tests.support.waiting import free_port, wait_until

SERVICE = "framegate"


@dataclass(frozen=True, slots=True)
class Watched:
    """What a sentinel watches. `url` is how Framegate is told of it."""

    url: str
    primary: Popen[bytes]


@contextmanager
def run_redis(folder: Path, *options: str) -> Iterator[Popen[bytes]]:
    with (folder / f"redis-{options[1]}.log").open("wb") as log:
        process = processes.start([find_binary(), *options, "--save", "", "--dir", str(folder)], log=log)
    try:
        yield process
    finally:
        processes.stop(process)


@contextmanager
def watched_redis(folder: Path) -> Iterator[Watched]:
    """Run the three; yield once the sentinel knows the replica, and the replica is in step."""
    primary, replica, sentinel = free_port(), free_port(), free_port()
    config = folder / "sentinel.conf"
    config.write_text(
        f"port {sentinel}\nbind 127.0.0.1\nsentinel monitor {SERVICE} 127.0.0.1 {primary} 1\n"
        f"sentinel down-after-milliseconds {SERVICE} 500\nsentinel failover-timeout {SERVICE} 2000\n"
    )
    with ExitStack() as stack:
        process = stack.enter_context(run_redis(folder, "--port", str(primary), "--bind", "127.0.0.1"))
        copying = ("--replicaof", f"127.0.0.1 {primary}")
        stack.enter_context(run_redis(folder, "--port", str(replica), "--bind", "127.0.0.1", *copying))
        wait_until(lambda: _is_in_step(primary), within=15)
        with (folder / "sentinel.log").open("wb") as log:
            watching = processes.start([find_binary(), config, "--sentinel"], log=log)
        stack.callback(processes.stop, watching)
        wait_until(lambda: _knows_both(sentinel), within=20)
        yield Watched(f"redis+sentinel://127.0.0.1:{sentinel}/{SERVICE}/0", process)


def _is_in_step(port: int) -> bool:
    return _asks(port, lambda redis: redis.info("replication").get("slave0", {}).get("state") == "online")


def _knows_both(port: int) -> bool:
    return _asks(port, lambda redis: _is_whole(redis.sentinel_masters()[SERVICE]))


def _is_whole(state: dict[str, Any]) -> bool:
    return bool(state["num-slaves"] == 1 and not state["is_sdown"])


def _asks(port: int, question: Callable[[Any], bool]) -> bool:
    with Redis(port=port, decode_responses=True, socket_timeout=2) as redis:
        try:
            return question(redis)
        except RedisConnectionError:
            return False
