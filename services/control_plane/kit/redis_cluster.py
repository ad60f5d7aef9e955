"""A cluster's client that behaves as one of a single Redis does.

It is made when it is first used: redis-py's looks for the nodes at once, and fails where none is there yet. And its
errors are of `RedisError`.
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
    """Stands before a cluster's client, and its pipelines."""

    def __init__(self, make: Callable[[], RedisCluster]) -> None:
        self._make = make
        self._made: RedisCluster | None = None
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        return _translated(getattr(self._client(), name))

    def pipeline(self, *, transaction: bool = True) -> "Pipeline":
        return Pipeline(_translated(self._client().pipeline)(transaction=transaction))

    def close(self) -> None:
        if self._made is not None:
            self._made.close()

    def _client(self) -> RedisCluster:
        with self._lock:
            if self._made is None:
                self._made = _translated(self._make)()
            return self._made


class Pipeline:
    """Stands before a pipeline."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline

    def __getattr__(self, name: str) -> Any:
        return _translated(getattr(self._pipeline, name))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _translated(self._pipeline.reset)()


def _translated(found: Any) -> Any:
    if not callable(found):
        return found

    @wraps(found)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return found(*args, **kwargs)
        except RedisClusterException as error:
            raise RedisConnectionError(str(error)) from error

    return call
