import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.waiting import free_port, wait_until

SECRET = "a secret of more than thirty-two characters"


@contextmanager
def serving(tmp_path: Path, *args: str, **env: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = {"PATH": os.defpath, "FRAMEGATE_SECRET_KEY": SECRET, "PYTHONUNBUFFERED": "1", **env}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "cli.main", *args], env=environment, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def answers(port: int, path: str) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=2, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def test_serves_a_control_plane_until_sigterm(tmp_path: Path, database_url: str, redis_url: str) -> None:
    port = free_port()
    environment = {"FRAMEGATE_DATABASE_URL": database_url, "FRAMEGATE_REDIS_URL": redis_url}
    with serving(tmp_path, "control-plane", "--port", str(port), **environment) as process:
        wait_until(lambda: process.poll() is not None or answers(port, "/readyz"), within=40)
        assert process.poll() is None, (tmp_path / "log").read_text()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in {0, -signal.SIGTERM}  # uvicorn ends in good order, and then of the signal
    assert "Application shutdown complete" in (tmp_path / "log").read_text()


def test_serves_a_pod_until_sigterm(tmp_path: Path, redis_url: str) -> None:
    ports = ["--port", str(free_port()), "--ops-port", str(ops := free_port())]
    with serving(tmp_path, "data-plane", *ports, FRAMEGATE_REDIS_URL=redis_url) as process:
        wait_until(lambda: process.poll() is not None or answers(ops, "/healthz"), within=40)
        assert process.poll() is None, (tmp_path / "log").read_text()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_the_environment_sets_ports_and_an_option_goes_over_it(tmp_path: Path, redis_url: str) -> None:
    by_variable, by_option = free_port(), free_port()
    environment = {
        "FRAMEGATE_REDIS_URL": redis_url,
        "FRAMEGATE_DATA_PLANE_PORT": str(free_port()),
        "FRAMEGATE_DATA_PLANE_OPS_PORT": str(by_variable),
    }
    with serving(tmp_path, "data-plane", **environment):
        wait_until(lambda: answers(by_variable, "/healthz"), within=40)
    with serving(tmp_path, "data-plane", "--ops-port", str(by_option), **environment):
        wait_until(lambda: answers(by_option, "/healthz"), within=40)
        assert not answers(by_variable, "/healthz")


@pytest.mark.parametrize("no_migrate", [True, False])
def test_migrations_can_be_left_to_somebody_else(tmp_path: Path, redis_url: str, *, no_migrate: bool) -> None:
    port = free_port()
    arguments = ["control-plane", "--port", str(port), *(["--no-migrate"] if no_migrate else [])]
    environment = {"FRAMEGATE_DATABASE_URL": f"sqlite:///{tmp_path}/empty.db", "FRAMEGATE_REDIS_URL": redis_url}
    with serving(tmp_path, *arguments, **environment) as process:
        wait_until(lambda: process.poll() is not None or answers(port, "/readyz"), within=40)
        assert (process.poll() is None) is not no_migrate, (tmp_path / "log").read_text()
