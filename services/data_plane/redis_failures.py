"""What redis-py lets through when a connection fails beneath it, told as any other failure."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisClusterException


@contextmanager
def translating() -> Iterator[None]:
    """Raise `ConnectionError` of redis-py for all that a lost connection comes as.

    uvloop has `RuntimeError` for a write into a connection that was reset, asyncio has none. `AttributeError` comes
    where another task found a node lost, and redis-py closed the connection beneath this one.
    """
    try:
        yield
    except (RedisClusterException, AttributeError, RuntimeError) as error:
        raise RedisConnectionError(str(error)) from error
