import gc
import secrets
from collections.abc import Callable, Mapping

import pytest
import uvloop
from hypothesis import HealthCheck, settings

from hatch_build import ROOT, find_compiled

pytest_plugins = ["tests.support.redis", "tests.support.postgres"]

# Time is the machine's, not the code's: pytest's own limit ends what hangs.
settings.register_profile("framegate", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("framegate")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("framegate")
    group.addoption(
        "--rounds", type=int, default=1, help="times what soaks and fuzzes does, where one is the bounded run"
    )
    group.addoption("--kills", type=int, default=5, help="how many processes to kill at random moments")
    group.addoption("--seed", type=int, help="make the random choices of an earlier run: its header says which")
    group.addoption("--pictures", action="store_true", help="make the pictures in docs/ anew")
    group.addoption("--all-cases", action="store_true", help="all of Autobahn's compression cases, not a sample")


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> int:
    """How many times over to do what has no natural end."""
    return int(request.config.getoption("--rounds"))


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """Where random choices begin, the same in all processes of a run."""
    return int(request.config.getoption("--seed"))


def pytest_report_header(config: pytest.Config) -> str:
    return f"random choices: --seed {config.getoption('--seed')}"


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, Callable[[], uvloop.Loop]]:
    """Run async tests on the loop that pods run on."""
    return {"uvloop": uvloop.new_event_loop}


def pytest_collection_finish() -> None:
    """Have the garbage collector look less often, and not at the tests themselves: it took a quarter of the time."""
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def pytest_configure(config: pytest.Config) -> None:
    """Choose a seed, and refuse to test a compiled core that is older than its source."""
    if config.option.seed is None:
        config.option.seed = secrets.randbits(32)
    for compiled in find_compiled(ROOT):
        source = compiled.with_name(compiled.name.partition(".")[0].removesuffix("__mypyc") + ".py")
        if source.stat().st_mtime > compiled.stat().st_mtime:
            pytest.exit(f"{compiled.name} is older than its source: ./run compiles it anew", returncode=1)
