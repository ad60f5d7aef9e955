"""The control plane as a process."""

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

KEY = "a key of the tests, of 32 characters or more"


def environment(**settings: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FRAMEGATE_")}  # noqa: TID251
    return clean | {f"FRAMEGATE_{name}": value for name, value in settings.items()}


@contextmanager
def control_plane(log: Path, *options: str, **settings: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run the control plane, and yield it with its URL when it is ready."""
    port = free_port()
    command = [sys.executable, "-m", "services.control_plane", "--port", str(port), *options]
    with log.open("wb") as out, subprocess.Popen(command, env=environment(**settings), stderr=out, stdout=out) as child:
        url = f"http://127.0.0.1:{port}"
        try:
            wait_until(lambda: child.poll() is not None or is_ready(url), within=30)
            assert child.poll() is None, log.read_text()
            yield child, url
        finally:
            child.kill()


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").is_success
    except httpx.TransportError:
        return False


def test_serves_with_several_workers_on_a_new_database(database_url: str, redis_url: str, tmp_path: Path) -> None:
    settings = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SECRET_KEY": KEY,
        "BOOTSTRAP_CLIENT_ID": "first",
        "BOOTSTRAP_CLIENT_SECRET": "a secret of the tests",
    }
    log = tmp_path / "log"
    with control_plane(log, "--workers", "2", **settings) as (child, url):
        form = {"grant_type": "client_credentials"}
        auth = ("first", "a secret of the tests")
        for _ in range(8):  # whichever worker answers, its keys are the same
            token = httpx.post(f"{url}/oauth2/token", data=form, auth=auth).json()["access_token"]
            answer = httpx.get(f"{url}/admin/v1/policies", headers={"Authorization": f"Bearer {token}"})
            assert answer.json()["total"] == 17
            assert "server" not in answer.headers
        child.send_signal(signal.SIGTERM)
        child.wait(20)
    text = log.read_text()
    assert text.count("The first administrator: admin / ") == 1
    assert "a secret of the tests" not in text


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "FRAMEGATE_SECRET_KEY is needed"),
        ({"SECRET_KEY": "short"}, "32 characters"),
        ({"SECRET_KEY": KEY, "DATABASE_URL": "mysql://x"}, "FRAMEGATE_DATABASE_URL: neither SQLite nor PostgreSQL"),
        ({"SECRET_KEY": KEY, "PUBLIC_URL": "nonsense"}, "FRAMEGATE_PUBLIC_URL: must be a URL of http or https"),
    ],
)
def test_ends_with_a_line_where_a_setting_is_wrong(settings: dict[str, str], message: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "services.control_plane", "--port", "0"],
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_says_so_where_migrations_were_left_out(database_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "services.control_plane", "--no-migrate"],
        env=environment(SECRET_KEY=KEY, DATABASE_URL=database_url),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert "The database is at revision base, this version needs" in done.stderr
