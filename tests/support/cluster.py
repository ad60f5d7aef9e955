"""A cluster of three primaries, on free ports of 127.0.0.1."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import Popen
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from tests.support.sentinel import run_redis
from tests.support.waiting import free_port, wait_until

NODES = 3
SLOTS = 16384


@contextmanager
def redis_cluster(folder: Path, *options: str) -> Iterator[str]:
    """Run the nodes; yield their URL, once each serves its third of the slots and knows the others."""
    ports = [free_port() for _ in range(NODES)]
    buses = [free_port() for _ in range(NODES)]
    with ExitStack() as stack:
        nodes: list[Any] = [
            stack.enter_context(_node(folder, *pair, *options)) for pair in zip(ports, buses, strict=True)
        ]
        for index, node in enumerate(nodes):
            node.execute_command("CLUSTER", "ADDSLOTSRANGE", index * SLOTS // NODES, (index + 1) * SLOTS // NODES - 1)
            node.execute_command("CLUSTER", "MEET", "127.0.0.1", ports[0], buses[0])
        wait_until(lambda: all(map(_is_whole, nodes)), within=30)
        yield f"redis+cluster://{','.join(f'127.0.0.1:{port}' for port in ports)}"


@contextmanager
def _node(folder: Path, port: int, bus: int, *options: str) -> Iterator[Redis]:
    cluster = ("--cluster-enabled", "yes", "--cluster-config-file", f"nodes-{port}.conf", "--cluster-port", str(bus))
    process: Popen[bytes]
    with (
        run_redis(folder, "--port", str(port), "--bind", "127.0.0.1", *cluster, *options) as process,
        Redis(port=port, decode_responses=True) as redis,
    ):
        wait_until(lambda: process.poll() is not None or _answers(redis), within=15)
        yield redis


def _answers(redis: Redis) -> bool:
    try:
        return bool(redis.ping())
    except RedisError:
        return False


def _is_whole(redis: Any) -> bool:
    info = redis.execute_command("CLUSTER", "INFO")
    text = info if isinstance(info, str) else " ".join(f"{key}:{value}" for key, value in info.items())
    return "cluster_state:ok" in text and f"cluster_known_nodes:{NODES}" in text
