"""The Redis that some peers need beside themselves: on the load's core, and accounted apart."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import sched_setaffinity
from pathlib import Path

import redis

from benchmarks.harness.errors import MissingError
from cli.embedded import NoRedisError, redis_server


@dataclass(frozen=True, slots=True)
class RedisBeside:
    url: str
    pid: int
    client: redis.Redis

    def questions(self) -> int:
        """Return how many scripts it has run by their digests."""
        found = self.client.info("commandstats").get("cmdstat_evalsha")
        return int(found["calls"]) if found else 0


@contextmanager
def redis_beside(core: int) -> Iterator[RedisBeside]:
    """Run a Redis on a core."""
    try:
        with redis_server() as url, redis.Redis.from_url(url) as client:
            pid = int(client.info("server")["process_id"])
            for thread in Path(f"/proc/{pid}/task").iterdir():
                sched_setaffinity(int(thread.name), {core})
            client.config_set("hz", 1)  # its chores, ten times a second, would be measured as a proxy's delays
            yield RedisBeside(url, pid, client)
    except NoRedisError as error:
        raise MissingError(" ".join(str(error).split())) from error
