"""A cluster's client that behaves as one of a single Redis does.

redis-py's looks for the nodes as soon as it is made, and fails where none is there yet; without retries it keeps to
those that it found; and some of its errors are no `RedisError`.
"""

import threading
from collections.abc import Callable
from functools import wraps
from types import TracebackType
from typing import Any, Self

from redis.cluster import RedisCluster
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisClusterException


class Cluster:
    """Stands before a cluster's client. It is made when it is first used, and anew after a node failed."""

    def __init__(self, make: Callable[[], RedisCluster]) -> None:
        self._make = make
        self._made: RedisCluster | None = None
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        return self.guard(getattr(self._client(), name))

    def pipeline(self, *, transaction: bool = True) -> "Pipeline":
        return Pipeline(self, self.guard(self._client().pipeline)(transaction=transaction))

    def close(self) -> None:
        if self._made is not None:
            self._made.close()

    def guard(self, found: Any) -> Any:
        """Return what a client or a pipeline has under a name; a method fails with a `RedisError`."""
        if not callable(found):
            return found

        @wraps(found)
        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                return found(*args, **kwargs)
            except RedisClusterException as error:
                self._made = None
                raise RedisConnectionError(str(error)) from error
            except RedisCluster.ERRORS_ALLOW_RETRY:
                self._made = None  # not closed: another thread may be waiting for a node that is well
                raise

        return call

    def _client(self) -> RedisCluster:
        with self._lock:
            made = self._made
            if made is None:
                made = self._made = self.guard(self._make)()
            return made


class Pipeline:
    """Stands before a pipeline."""

    def __init__(self, cluster: Cluster, pipeline: Any) -> None:
        self._cluster = cluster
        self._pipeline = pipeline

    def __getattr__(self, name: str) -> Any:
        return self._cluster.guard(getattr(self._pipeline, name))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._cluster.guard(self._pipeline.reset)()
