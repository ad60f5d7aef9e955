"""One installation for each test worker: every test begins with all of it running, and agreed."""

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.installation import Installation

ROUND = "round_number"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Do each test `--rounds` times: each round has choices of its own."""
    rounds = int(metafunc.config.getoption("--rounds"))
    if rounds > 1:
        metafunc.fixturenames.append(ROUND)
        metafunc.parametrize(ROUND, range(rounds))


@pytest.fixture
def chance(request: pytest.FixtureRequest, seed: int) -> random.Random:
    """Make the choices of one test in one round: the same ones for the same `--seed`."""
    return random.Random(f"{seed} {request.node.name}")  # noqa: S311 - choices, not secrets


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--kills"))


@pytest.fixture(scope="package")
def shared_installation() -> Iterator[Installation]:
    with tempfile.TemporaryDirectory(prefix="framegate-faults-") as folder:
        running = Installation(Path(folder), f"sqlite:///{folder}/framegate.db")
        try:
            running.start()
            yield running
        finally:
            running.close()


@pytest.fixture
def installation(shared_installation: Installation) -> Installation:
    """Return an installation with a control plane and two pods, of which nothing is broken."""
    shared_installation.mend()
    return shared_installation
