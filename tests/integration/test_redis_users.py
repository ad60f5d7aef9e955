"""Both planes have in Redis what they need, by `deploy/redis/users.acl`, and nothing else."""

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError
from redis.retry import Retry

from shared import keys
from shared.catalogue import KINDS, NO_DIGEST, Mark
from tests.architecture.repository import ROOT
from tests.support.planes import run_planes, walk
from tests.support.sentinel import run_redis
from tests.support.waiting import eventually, free_port, wait_until
from tests.support.world import Flat

pytestmark = pytest.mark.timeout(120)

PASSWORDS = {"REDIS_CONTROL_PLANE_PASSWORD": "one / & \\ 1", "REDIS_POD_PASSWORD": "two"}
EVERYWHERE = [
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("KEYS", "*"),
    ("SCAN", "0"),
    ("CONFIG", "GET", "*"),
    ("CONFIG", "SET", "requirepass", ""),
    ("DEBUG", "SLEEP", "0"),
    ("ACL", "LIST"),
    ("CLIENT", "KILL", "TYPE", "normal"),
    ("CLIENT", "LIST"),
    ("MONITOR",),
    ("SHUTDOWN",),
    ("REPLICAOF", "NO", "ONE"),
    ("SCRIPT", "FLUSH"),
    ("SAVE",),
    ("GET", "another's"),
    ("SET", "another's", "1"),
    ("PUBLISH", "another's", "1"),
]
NOT_OF_A_POD = [
    ("EVAL", "return 1", "0"),
    ("SET", keys.CATALOGUE_KEY, "mine"),
    ("DEL", keys.CATALOGUE_STATE),
    ("HSET", keys.CATALOGUE_STATE, "revision", "99"),
    ("HSET", keys.catalogue_objects("api"), "api", "{}"),
    ("HDEL", keys.catalogue_objects("api"), "api"),
    ("XADD", keys.CATALOGUE_STREAM, "*", "kind", "api"),
    ("EXPIRE", keys.CATALOGUE_STATE, "1"),
    ("ZADD", keys.REVOCATIONS_SET, "1", "jti"),
    ("XADD", keys.REVOCATIONS_STREAM, "*", "jti", "jti"),
    ("SET", keys.ticket("digest"), "{}"),
    ("GET", keys.ticket("digest")),
    ("DEL", keys.PODS),
    ("GETDEL", keys.dpop("digest")),
    ("SREM", keys.ISSUER_HINTS, "partner"),
]
NOT_OF_A_CONTROL_PLANE = [
    ("GET", keys.ticket("digest")),
    ("GETDEL", keys.ticket("digest")),
    ("SET", keys.dpop("digest"), ""),
    ("HSET", keys.limit("api", "api", "burst"), "tat", "0"),
    ("ZADD", keys.PODS, "1", "pod"),
    ("SADD", keys.ISSUER_HINTS, "partner"),
    ("XREAD", "STREAMS", keys.REVOCATIONS_STREAM, "0"),
]


@dataclass(frozen=True, slots=True)
class Guarded:
    """A Redis with these users, and one for the tests that may do all."""

    port: int
    admin: Redis

    def url(self, user: str) -> str:
        password = {"control-plane": "one%20%2F%20%26%20%5C%201", "pod": "two"}[user]
        return f"redis://{user}:{password}@127.0.0.1:{self.port}/0"

    def client(self, user: str) -> Redis:
        return Redis.from_url(self.url(user), decode_responses=True)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("redis")
    script = ROOT / "deploy" / "redis" / "users.sh"
    environment = {"PATH": "/usr/bin:/bin", **PASSWORDS}
    made = subprocess.run(["sh", script], env=environment, check=True, capture_output=True, text=True)
    file = folder / "users.acl"
    file.write_text(made.stdout + "user admin on nopass ~* &* +@all\n")
    port = free_port()
    with ExitStack() as stack:
        options = ("--port", str(port), "--bind", "127.0.0.1", "--aclfile", str(file))
        # That DEBUG is refused must not be for want of this.
        stack.enter_context(run_redis(folder, *options, "--enable-debug-command", "yes"))
        admin = stack.enter_context(Redis(port=port, username="admin", password="any", decode_responses=True))
        wait_until(lambda: answers(admin), within=15)
        yield Guarded(port, admin)


def answers(redis: Redis) -> bool:
    try:
        return bool(redis.ping())
    except RedisError:
        return False


def denials(redis: Redis) -> list[tuple[Any, ...]]:
    return [(entry["username"], entry["reason"], entry["object"]) for entry in redis.acl_log()]


async def test_each_plane_may_do_all_that_it_does(guarded: Guarded, tmp_path: Path) -> None:
    guarded.admin.acl_log_reset()
    async with run_planes(tmp_path, guarded.url("control-plane"), guarded.url("pod")) as planes:
        await walk(planes)
        mark = planes.pod.catalogue.mark
        assert mark is not None
        go_back(guarded.admin, mark)
        await eventually(lambda: guarded.admin.zscore(keys.CATALOGUE_WITNESSES, mark.epoch) == mark.revision)
        await asyncio.to_thread(planes.pusher.reconcile)
        assert Mark.read(cast("dict[str, str]", guarded.admin.hgetall(keys.CATALOGUE_STATE))) == mark
        await eventually(lambda: not planes.pod.catalogue.ahead)
        assert planes.pod.catalogue.mark == mark
    assert denials(guarded.admin) == []


def go_back(redis: Redis, mark: Mark) -> None:
    """Leave Redis as if it were restored from when it held nothing yet."""
    redis.delete(keys.CATALOGUE_STREAM, *map(keys.catalogue_objects, KINDS))
    redis.hset(keys.CATALOGUE_STATE, mapping=Flat(Mark(mark.epoch, 1, NO_DIGEST).fields()))


@pytest.mark.parametrize(
    ("user", "commands"),
    [("control-plane", EVERYWHERE + NOT_OF_A_CONTROL_PLANE), ("pod", EVERYWHERE + NOT_OF_A_POD)],
    ids=["control-plane", "pod"],
)
def test_what_is_not_needed_is_refused(guarded: Guarded, user: str, commands: list[tuple[str, ...]]) -> None:
    with guarded.client(user) as redis:
        for command in commands:
            with pytest.raises(NoPermissionError):
                redis.execute_command(*command)


def test_a_pod_asks_for_an_issuer_s_keys_and_the_control_plane_hears_it(guarded: Guarded) -> None:
    with guarded.client("pod") as pod, guarded.client("control-plane") as control_plane:
        pod.sadd(keys.ISSUER_HINTS, "partner")
        assert control_plane.smembers(keys.ISSUER_HINTS) == {"partner"}
        assert control_plane.srem(keys.ISSUER_HINTS, "partner") == 1


def test_a_script_of_a_pod_may_do_no_more_than_the_pod(guarded: Guarded) -> None:
    with guarded.client("pod") as redis:
        sha = redis.script_load(f"return redis.call('DEL', '{keys.CATALOGUE_STATE}')")
        with pytest.raises(RedisError, match=r"can't access|No permissions"):  # Redis says the one, Valkey the other
            redis.evalsha(str(sha), 1, keys.limit("api", "api", "burst"))


def test_nobody_comes_in_without_a_password(guarded: Guarded) -> None:
    for username, password in ((None, None), ("pod", "three"), (None, "two")):
        redis = Redis(port=guarded.port, username=username, password=password, retry=Retry(NoBackoff(), 0))
        with redis, pytest.raises(AuthenticationError):
            redis.ping()
