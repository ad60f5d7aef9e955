"""The command that shows what happens on two pods, while Redis dies and comes back."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection

from shared import keys
from tests.faults.installation import ECHO, Installation, echoes
from tests.support.program import Program
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(120)


class Watched:
    """The command, and what it said so far."""

    def __init__(self, program: Program) -> None:
        self.program = program

    @property
    def lines(self) -> list[str]:
        return self.program.said.splitlines()

    @property
    def events(self) -> list[Mapping[str, Any]]:
        return [json.loads(line) for line in self.lines if line.startswith("{")]

    def count(self, event: str, **more: Any) -> int:
        return sum(1 for one in self.events if one["event"] == event and more.items() <= one.items())


def id_of(client: ClientConnection) -> str:
    assert client.response is not None
    return client.response.headers["X-Connection-Id"]


@contextmanager
def tail(installation: Installation, folder: Path, *options: str) -> Iterator[Watched]:
    # A pod that looks for Redis again, after a test that killed it, does not hear that anybody watches.
    wait_until(lambda: installation.call("GET", "/admin/v1/connections")["unanswered"] == 0, within=20)
    command = [sys.executable, "-m", "cli.main", "tail", *options]
    program = Program("tail", folder, command, installation.client_env)
    program.start()
    try:
        watched = Watched(program)
        wait_until(lambda: watched.count("watching") or program.exit_code, within=20)
        assert program.exit_code is None, program.said
        yield watched
    finally:
        program.kill()


def test_connections_and_messages_of_both_pods_are_shown(installation: Installation, tmp_path: Path) -> None:
    with tail(installation, tmp_path, "--api", ECHO, "-o", "json") as watched:
        with installation.connected(installation.token) as clients:
            assert all(map(echoes, clients))
            wait_until(lambda: watched.count("message") == 4, within=20)
            for client in clients:
                client.send([b"one", b"two"])
                client.recv()
        for pod in installation.pods:
            assert pod.dial(ECHO) == 401
        wait_until(lambda: watched.count("closed", cause="client_closed", code=1000) == 2, within=20)
        wait_until(lambda: watched.count("refused", cause="credentials_required") == 2, within=20)
        assert watched.count("opened", application="DefaultApplication", context="/echo") == 2
        assert watched.count("message", direction="publish", frames=3) == 2
    assert installation.token not in watched.program.said


def test_many_events_are_left_out_and_frames_are_not(installation: Installation, tmp_path: Path) -> None:
    count = 3000
    with (
        tail(installation, tmp_path, "--api", ECHO, "--application", "DefaultApplication", "-o", "json") as watched,
        installation.connected(installation.token) as clients,
    ):
        wait_until(lambda: watched.count("opened") == 2, within=20)
        for number in range(count):
            clients[0].send(str(number))
            assert clients[0].recv(timeout=10) == str(number)
        clients[1].send("last")
        wait_until(lambda: watched.count("message", connection=id_of(clients[1])), within=20)
        left_out = sum(event["count"] for event in watched.events if event["event"] == "left_out")
        shown = watched.count("message", connection=id_of(clients[0]))
        assert 0 < shown < 2 * count
        assert shown + left_out <= 2 * count + 2
        assert left_out > 0


def test_redis_dies_and_the_command_says_so(installation: Installation, tmp_path: Path) -> None:
    with (
        tail(installation, tmp_path, "--all", "-o", "json") as watched,
        installation.connected(installation.token) as clients,
    ):
        wait_until(lambda: watched.count("opened") == 2, within=20)
        installation.redis.kill()
        assert all(map(echoes, clients))
        assert wait_until(lambda: watched.program.exit_code, within=20) == 1
        assert watched.lines[-1] == "framegate: the tail ended: unavailable"
        assert all(map(echoes, clients))
        installation.redis.start()
        assert all(map(echoes, clients))


def test_nobody_reads_and_pods_stop_telling(installation: Installation, tmp_path: Path) -> None:
    with tail(installation, tmp_path, "--all", "-o", "json") as watched:
        with installation.connected(installation.token):
            wait_until(lambda: watched.count("opened") == 2, within=20)
        stream = max(installation.redis.client.scan_iter(keys.tail("*")), key=installation.redis.client.ttl)
        watched.program.kill()
        wait_until(lambda: _is_quiet(installation, stream), within=20)


def _is_quiet(installation: Installation, stream: str) -> bool:
    """Tell whether a connection is told of no more: its pod would have told before it answers the next question."""
    before = installation.redis.client.xlen(stream)
    with installation.connected(installation.token) as clients:
        assert all(map(echoes, clients))
        installation.call("GET", "/admin/v1/connections")
    wait_until(lambda: installation.call("GET", "/admin/v1/connections")["total"] == 0, within=5)
    return bool(installation.redis.client.xlen(stream) == before)
