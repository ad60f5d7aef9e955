import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from cli.embedded import find_binary
from tests.support.program import Program
from tests.support.waiting import free_port, wait_until


class RedisServer:
    """A Redis to do harm to: it keeps its port, and on disk what it was told."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._data = folder / "redis"
        self._data.mkdir()
        place = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self._data)]
        self.program = Program("redis", folder, [find_binary(), *place, "--save", "", "--appendonly", "yes"])
        # It says what is there now: a test that asks again does so itself.
        self.client: Any = Redis.from_url(
            self.url, decode_responses=True, socket_timeout=5, retry=Retry(NoBackoff(), 0)
        )

    def start(self) -> None:
        self.program.start()
        wait_until(self._answers, within=20)

    def kill(self, *, data_lost: bool = False) -> None:
        """End it as a crash does. What it wrote to its log stays, unless the disk is lost too."""
        self.program.kill()
        self.client.connection_pool.disconnect()
        if data_lost:
            shutil.rmtree(self._data)
            self._data.mkdir()

    def close(self) -> None:
        self.program.kill()
        self.client.close()

    def back_up(self, folder: Path) -> None:
        shutil.copytree(self._data, folder)

    def restore(self, folder: Path) -> None:
        """Put a backup in the place of what it holds. It must not run."""
        shutil.rmtree(self._data)
        shutil.copytree(folder, self._data)

    @contextmanager
    def configured(self, name: str, value: str) -> Iterator[None]:
        """Change a setting for a while."""
        before = cast("dict[str, str]", self.client.config_get(name))[name]
        self.client.config_set(name, value)
        try:
            yield
        finally:
            self.client.config_set(name, before)

    def _answers(self) -> bool:
        """Tell whether it is there, and has loaded what it keeps."""
        assert self.program.pid is not None, self.program.said
        try:
            return bool(self.client.ping() and self.client.info("server")["process_id"] == self.program.pid)
        except RedisError:
            return False
