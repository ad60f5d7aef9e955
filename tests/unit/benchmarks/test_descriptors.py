import resource
from collections.abc import Iterator

import pytest

from benchmarks.harness.descriptors import most_connections, raise_limit


@pytest.fixture(autouse=True)
def limits() -> Iterator[tuple[int, int]]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_limit_is_raised_as_far_as_it_goes(limits: tuple[int, int]) -> None:
    _, hard = limits
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1000, hard), hard))

    assert raise_limit() == hard
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)


def test_a_connection_takes_two_descriptors_and_some_are_left(limits: tuple[int, int]) -> None:
    _, hard = limits
    soft = min(5000, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert soft / 2 - 200 <= most_connections() <= soft / 2 - 50
