"""Redis is lost, emptied, old, or takes nothing: what was accepted arrives, and what is served goes on."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from tests.faults.installation import ECHO, Installation, echoes
from tests.faults.watch import nothing_lost
from tests.support.redis_server import RedisServer
from tests.support.slow import slow_link
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(180)

PAUSE_SECONDS = 3
DELAY_SECONDS = 1.0
STALE_SECONDS = 5
REVOKED_SECONDS = 15.0
"""Until a revocation is known when Redis is back: both planes wait 5 s at most between tries."""


@pytest.mark.parametrize("data_lost", [False, True], ids=["data-kept", "data-lost"])
def test_redis_is_killed(installation: Installation, data_lost: bool) -> None:
    first, second = installation.pods
    with nothing_lost(installation.pods), first.connect(ECHO, installation.token) as client:
        installation.redis.kill(data_lost=data_lost)
        api = installation.publish()
        assert echoes(client)
        assert second.dial(ECHO, installation.token) == 101
        assert first.dial(api.path) == 404, "nobody can have told it"
        wait_until(lambda: first.age_seconds > 1, within=10)  # it says how old what it serves is
        installation.redis.start()
        installation.settle()
        wait_until(lambda: first.age_seconds < 2, within=10)
        assert echoes(client)
    assert installation.serves(api)


def test_what_is_revoked_while_redis_is_away_is_closed_when_it_is_back(installation: Installation) -> None:
    before, meanwhile = installation.fetch_token(), installation.fetch_token()
    installation.revoke(before)
    wait_until(lambda: [pod.dial(ECHO, before) for pod in installation.pods] == [401, 401])
    with installation.connected(meanwhile) as clients:
        installation.redis.kill(data_lost=True)
        installation.revoke(meanwhile)
        assert all(map(echoes, clients)), "nobody can have told the pods"
        installation.redis.start()
        for client in clients:
            with pytest.raises(ConnectionClosed):
                client.recv(timeout=REVOKED_SECONDS)
            assert (client.close_code, client.close_reason) == (4501, "token_revoked")
    for token in (before, meanwhile):
        assert [pod.dial(ECHO, token) for pod in installation.pods] == [401, 401]


def test_a_pod_that_is_told_to_closes_when_nobody_confirms_what_it_serves(installation: Installation) -> None:
    other, _ = installation.pods
    limits = {"FRAMEGATE_MAX_STALENESS_SECONDS": str(STALE_SECONDS), "FRAMEGATE_ON_STALE": "close"}
    with installation.another_pod("strict", **limits) as pod:
        wait_until(pod.is_ready, within=30)
        with other.connect(ECHO, installation.token) as bystander, pod.connect(ECHO, installation.token) as client:
            installation.redis.kill()
            with pytest.raises(ConnectionClosed):
                client.recv(timeout=STALE_SECONDS + 10)
            assert (client.close_code, client.close_reason) == (1013, "stale_configuration")
            assert pod.dial(ECHO, installation.token) == 503
            assert echoes(bystander)
            installation.redis.start()
            wait_until(lambda: pod.dial(ECHO, installation.token) == 101, within=20)


def test_a_flush_takes_nothing_away(installation: Installation) -> None:
    with nothing_lost(installation.pods):
        installation.redis.client.flushall()
        api = installation.publish()
        installation.settle()
        assert installation.serves(api)
        installation.redis.client.flushall()
        installation.settle()  # nobody changes anything: it is found by comparing


def test_an_old_backup_of_redis_is_brought_up_to_date(installation: Installation, tmp_path: Path) -> None:
    kept, removed = installation.publish(), installation.publish()
    installation.settle()
    installation.redis.back_up(tmp_path / "backup")
    installation.unpublish(removed)
    api = installation.publish()
    before = installation.settle()
    with nothing_lost(installation.pods):
        with installation.control_plane.program.halted():  # else it may bring Redis up to date before a pod looks
            installation.redis.kill()
            installation.redis.restore(tmp_path / "backup")
            installation.redis.start()
            mark, _ = installation.read_redis()
            assert mark
            assert mark.revision < before.revision, "it is the old one"
            kept_on = f"keeping revision {before.revision}"
            wait_until(lambda: all(kept_on in pod.program.said for pod in installation.pods), within=15)
        later = installation.publish()
        assert installation.settle().revision > before.revision
    assert all(map(installation.serves, (kept, api, later)))
    assert installation.statuses(removed) == {404}


@contextmanager
def paused(redis: RedisServer) -> Iterator[None]:
    redis.client.client_pause(PAUSE_SECONDS * 1000)
    until = time.monotonic() + PAUSE_SECONDS
    yield
    wait_until(lambda: time.monotonic() > until)


@contextmanager
def read_only(redis: RedisServer) -> Iterator[None]:
    redis.client.replicaof("127.0.0.1", 1)
    try:
        yield
    finally:
        redis.client.replicaof("NO", "ONE")


HARMS: dict[str, Callable[[RedisServer], AbstractContextManager[None]]] = {
    "paused": paused,
    "halted": lambda redis: redis.program.halted(),
    "out-of-memory": lambda redis: redis.configured("maxmemory", "1"),
    "read-only": read_only,
    "without-replicas": lambda redis: redis.configured("min-replicas-to-write", "1"),
}


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS.keys())
def test_a_redis_that_takes_no_changes_gets_them_later(
    installation: Installation, harm: Callable[[RedisServer], AbstractContextManager[None]]
) -> None:
    first, second = installation.pods
    with nothing_lost(installation.pods), first.connect(ECHO, installation.token) as client:
        with harm(installation.redis):
            api = installation.publish()
            assert installation.statuses(api) == {404}, "nobody can have told them"
            assert echoes(client)
            assert second.dial(ECHO, installation.token) == 101
            assert all(pod.is_ready() for pod in installation.pods)
        installation.settle()
        assert echoes(client)
    assert installation.serves(api)


def test_a_slow_redis_slows_changes_alone(installation: Installation) -> None:
    with slow_link(installation.redis.port) as link:
        there = f"redis://127.0.0.1:{link.port}/0"
        with installation.another_pod("slow", FRAMEGATE_REDIS_URL=there) as pod:
            wait_until(pod.is_ready, within=30)
            with nothing_lost([pod]), pod.connect(ECHO, installation.token) as client:
                link.delay_seconds = DELAY_SECONDS
                api = installation.publish()
                began = time.monotonic()
                assert echoes(client)
                assert pod.dial(ECHO, installation.token) == 101
                assert time.monotonic() - began < DELAY_SECONDS, "no frame and no handshake waits for it"
                wait_until(lambda: pod.dial(api.path) == 101, within=10)
