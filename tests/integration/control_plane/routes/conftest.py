"""A platform with a pod, a backend and an outside issuer, and accounts that hold something."""

from collections.abc import AsyncIterator, Iterator

import pytest

from services.data_plane.app import Ports, run_pod
from services.data_plane.settings import Settings
from tests.integration.control_plane.platform import BentClock, Platform
from tests.integration.control_plane.routes.holdings import AGE_SECONDS, Cast, casting
from tests.integration.data_plane.conftest import echo_backend
from tests.support.outside import Outside, outside_issuer


@pytest.fixture
def clock() -> BentClock:
    clock = BentClock()
    clock.move(seconds=-AGE_SECONDS)
    return clock


@pytest.fixture
def outside() -> Iterator[Outside]:
    with outside_issuer() as issuer:
        yield issuer


@pytest.fixture
async def cast(platform: Platform, outside: Outside) -> AsyncIterator[Cast]:
    settings = Settings(redis_url=platform.settings.redis_url, demo=True, drain_seconds=0.1)
    ports = Ports(port=0, tls_port=0, ops_port=0)
    async with (
        echo_backend() as backend,
        run_pod(settings, ports) as pod,
        casting(platform, pod, backend, outside) as cast,
    ):
        yield cast
