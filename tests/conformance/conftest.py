from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.autobahn import AT_ONCE, DEFLATE, DEFLATE_SAMPLE, RULES, SIZES
from tests.support.pod import PodProcess, pod_process
from tests.support.waiting import wait_until

SECONDS, SECONDS_OF_ALL = 180, 7200


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test that takes them its peer behind or before the gateway, and its cases."""
    if "peer" not in metafunc.fixturenames:
        return
    everything = metafunc.config.getoption("--all-cases")
    limit = pytest.mark.timeout(SECONDS_OF_ALL if everything else SECONDS)
    deflate = DEFLATE if everything else DEFLATE_SAMPLE
    parts = [
        # Each as far as it goes: websockets bounds the fragments of a message, aiohttp's client some of deflate.
        pytest.param("aiohttp", (*RULES, *SIZES), AT_ONCE, id="aiohttp", marks=limit),
        pytest.param("websockets", (*RULES, *deflate), 1 if everything else AT_ONCE, id="websockets", marks=limit),
    ]
    metafunc.parametrize(("peer", "cases", "at_once"), parts)


@pytest.fixture
def pod(redis_url: str, tmp_path: Path) -> Iterator[PodProcess]:
    """Run a pod that counts every message against a quota; at the end nothing is open and nothing went wrong inside."""
    with pod_process(redis_url, tmp_path) as running:
        running.world.put_policy("api", "Ample", 10**9)
        yield running
        wait_until(lambda: running.metric("framegate_connections_open") == 0)
        assert "Traceback" not in running.log.read_text()
