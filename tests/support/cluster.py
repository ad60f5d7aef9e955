"""A cluster of three primaries, on free ports of 127.0.0.1."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any

from redis import Redis
from redis.crc import key_slot
from redis.exceptions import RedisError

from tests.support.sentinel import run_redis
from tests.support.waiting import free_port, wait_until

PRIMARIES = 3
SLOTS = 16384
_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Node:
    process: Popen[bytes]
    redis: Any
    port: int
    bus: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """The nodes, primaries first. `url` is how Framegate is told of them."""

    nodes: Sequence[Node]

    @property
    def url(self) -> str:
        return f"redis+cluster://{','.join(f'{_HOST}:{node.port}' for node in self.nodes)}"

    def primary_of(self, key: str) -> Node:
        """Return the node that had a key's slot from the beginning."""
        return self.nodes[key_slot(key.encode()) * PRIMARIES // SLOTS]


@contextmanager
def redis_cluster(folder: Path, replicas: int = 0) -> Iterator[Cluster]:
    """Run three primaries, each with so many replicas; yield once each node knows the others and all slots."""
    with ExitStack() as stack:
        patience_ms = 1000 if replicas else 60_000  # of a node that nobody can stand in for, on a busy machine
        nodes = [stack.enter_context(_node(folder, patience_ms)) for _ in range(PRIMARIES * (1 + replicas))]
        for index, node in enumerate(nodes[:PRIMARIES]):
            first, end = (-(-slot * SLOTS // PRIMARIES) for slot in (index, index + 1))
            node.redis.execute_command("CLUSTER", "ADDSLOTSRANGE", first, end - 1)
        for node in nodes[1:]:
            node.redis.execute_command("CLUSTER", "MEET", _HOST, nodes[0].port, nodes[0].bus)
        wait_until(lambda: all(_knows(node, len(nodes)) for node in nodes), within=30)
        for index, node in enumerate(nodes[PRIMARIES:]):
            primary = nodes[index % PRIMARIES].redis.execute_command("CLUSTER", "MYID")
            node.redis.execute_command("CLUSTER", "REPLICATE", primary)
        wait_until(lambda: all(_is_in_step(node, replicas) for node in nodes[:PRIMARIES]), within=30)
        yield Cluster(nodes)


@contextmanager
def _node(folder: Path, patience_ms: int) -> Iterator[Node]:
    port, bus = free_port(), free_port()
    cluster = ("--cluster-enabled", "yes", "--cluster-config-file", f"nodes-{port}.conf", "--cluster-port", str(bus))
    options = ("--port", str(port), "--bind", _HOST, *cluster, "--cluster-node-timeout", str(patience_ms))
    with run_redis(folder, *options) as process, Redis(port=port, decode_responses=True) as redis:
        wait_until(lambda: process.poll() is not None or _answers(redis), within=15)
        yield Node(process, redis, port, bus)


def _answers(redis: Redis) -> bool:
    try:
        return bool(redis.ping())
    except RedisError:
        return False


def _knows(node: Node, nodes: int) -> bool:
    info = node.redis.execute_command("CLUSTER INFO")
    return bool(info["cluster_state"] == "ok" and int(info["cluster_known_nodes"]) == nodes)


def _is_in_step(node: Node, replicas: int) -> bool:
    replication = node.redis.info("replication")
    return all(replication.get(f"slave{number}", {}).get("state") == "online" for number in range(replicas))
