import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cli import sample
from cli.errors import CommandError
from cli.stack import Stack
from tests.support.waiting import free_port

SECRET = "a secret of the tests, long enough for all"
BACKENDS = sample.Backends("ws://127.0.0.1:9001", "ws://127.0.0.1:9002")


@pytest.fixture
def rest_url(tmp_path: Path, redis_url: str) -> Iterator[str]:
    """Run a control plane, and yield its URL."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    environment = {
        "PATH": os.defpath,
        "FRAMEGATE_DEMO": "true",
        "FRAMEGATE_DATABASE_URL": f"sqlite:///{tmp_path}/framegate.db",
        "FRAMEGATE_REDIS_URL": redis_url,
        "FRAMEGATE_BOOTSTRAP_CLIENT_ID": "pipeline",
        "FRAMEGATE_BOOTSTRAP_CLIENT_SECRET": SECRET,
    }

    def is_ready() -> bool:
        try:
            return httpx.get(f"{url}/readyz", timeout=2, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    with Stack(tmp_path) as stack:
        stack.start("control plane", "cli.main", "control-plane", "--port", str(port), env=environment)
        stack.wait_for("the control plane", is_ready, within_seconds=40)
        yield url


def test_makes_the_sample_once_and_says_why_not_twice(rest_url: str) -> None:
    keys = sample.set_up(rest_url, "pipeline", SECRET, BACKENDS)
    assert keys.keys() == {"PRODUCTION", "SANDBOX"}
    assert all(key.consumer_key and key.consumer_secret and key.token for key in keys.values())
    (api,) = httpx.get(f"{rest_url}/store/v1/apis", trust_env=False).json()["items"]
    assert (api["name"], api["context"], api["version"]) == ("EchoWebSocket", "/echowebsocket", "1.0")
    with pytest.raises(CommandError, match=r"POST /publisher/v1/apis: HTTP 409 There is one already: "):
        sample.set_up(rest_url, "pipeline", SECRET, BACKENDS)


def test_a_wrong_secret_is_told(rest_url: str) -> None:
    with pytest.raises(CommandError, match="HTTP 401 invalid_client"):
        sample.set_up(rest_url, "pipeline", "wrong", BACKENDS)
