"""What the control plane published reaches the pod's table, and nothing else changes it."""

import json
import time
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest

from services.data_plane import catalogue as following
from services.data_plane.app import Ports, run_pod
from services.data_plane.catalogue import Catalogue
from services.data_plane.redis_client import connect, disconnect
from services.data_plane.report import render
from services.data_plane.settings import Settings
from services.data_plane.snapshot import SnapshotFile
from shared import keys
from shared.catalogue import KINDS, KINDS_FIELD, Mark
from tests.integration.data_plane.conftest import Backend, Gate, run_gate
from tests.support.redis import on_each_redis
from tests.support.waiting import eventually
from tests.support.world import Flat, World

pytestmark = on_each_redis


def serves_echo(gate: Gate) -> bool:
    return "/echo" in gate.pod.catalogue.table.contexts


async def test_a_change_is_followed(gate: Gate, backend: Backend) -> None:
    gate.world.put_api(backend.url, version="2.0", id="second")
    await gate.caught_up()
    assert set(gate.pod.catalogue.table.contexts["/echo"].by_name) == {"1.0", "2.0"}
    gate.world.put("api", "second", None)
    await gate.caught_up()
    assert set(gate.pod.catalogue.table.contexts["/echo"].by_name) == {"1.0"}


async def test_a_flushed_redis_removes_nothing(gate: Gate, backend: Backend) -> None:
    before = gate.pod.catalogue.mark
    gate.world.redis.flushall()
    gate.world.redis.hset(keys.CATALOGUE_STATE, mapping={"unrelated": "1"})
    async with gate.connect() as client:
        await client.send("still here")
        assert await client.recv() == "still here"
    assert gate.pod.catalogue.mark == before
    republish(gate.world)
    gate.world.put_api(backend.url, version="2.0", id="second")
    await gate.caught_up()


def republish(world: World, epoch: str | None = None) -> None:
    """Write everything anew, as the control plane's resync does."""
    world.epoch = epoch or world.epoch
    with world.redis.pipeline(transaction=True) as pipe:
        pipe.delete(keys.CATALOGUE_STREAM, *(keys.catalogue_objects(kind) for kind in KINDS))
        for kind, bodies in world.bodies.items():
            if bodies:
                pipe.hset(keys.catalogue_objects(kind), mapping=Flat(bodies))
        pipe.hset(keys.CATALOGUE_STATE, mapping=Flat(world.mark.fields()))
        pipe.execute()


async def test_another_epoch_is_loaded_even_if_its_revision_is_lower(gate: Gate) -> None:
    gate.world.bodies["api"].clear()
    gate.world.revision = 1
    republish(gate.world, epoch="two")
    await gate.caught_up()
    assert not serves_echo(gate)


def versions(gate: Gate) -> set[str]:
    return set(gate.pod.catalogue.table.contexts["/echo"].by_name)


def copy_of(world: World) -> World:
    """Return a world that stays as it is now, like a dump of Redis."""
    return replace(world, bodies=deepcopy(world.bodies))


async def test_an_older_redis_of_the_same_epoch_is_not_taken(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    world = gate.world
    older = copy_of(world)
    world.put_api("ws://backend.test", version="2.0", id="second")
    await gate.caught_up()
    republish(older)
    await eventually(lambda: gate.pod.catalogue.ahead)
    assert gate.pod.catalogue.mark == world.mark
    assert versions(gate) == {"1.0", "2.0"}
    assert "framegate_catalogue_ahead 1.0" in render(gate.pod.report().metrics).decode()
    await eventually(lambda: world.redis.zscore(keys.CATALOGUE_WITNESSES, world.epoch) == world.revision)
    assert 0 < world.redis.ttl(keys.CATALOGUE_WITNESSES) <= 30
    confirmed = gate.pod.catalogue._confirmed_at
    await gate.pod.catalogue._load()
    assert gate.pod.catalogue.mark == world.mark, "nor where Redis goes back after its mark was read"
    republish(world)
    await eventually(lambda: not gate.pod.catalogue.ahead)
    await eventually(lambda: gate.pod.catalogue._confirmed_at > confirmed)
    assert caplog.text.count("keeping revision") == 1


async def test_what_is_published_behind_an_older_redis_is_followed(gate: Gate) -> None:
    """The control plane may fill Redis again and publish on before the pod looks."""
    world = gate.world
    older = copy_of(world)
    world.put_api("ws://backend.test", version="2.0", id="second")
    await gate.caught_up()
    republish(older)
    await eventually(lambda: gate.pod.catalogue.ahead)
    republish(world)
    world.put_api("ws://backend.test", version="3.0", id="third")
    await gate.caught_up()
    assert versions(gate) == {"1.0", "2.0", "3.0"}


async def test_of_snapshot_and_redis_the_newer_is_begun_with(
    world: World, backend: Backend, tmp_path: Path, redis_url: str
) -> None:
    world.put_tutorial(backend.url)
    older = copy_of(world)
    world.put_api("ws://backend.test", version="2.0", id="second")
    settings = Settings(redis_url=redis_url, demo=True, drain_seconds=0, snapshot=tmp_path / "snapshot")
    async with run_gate(world, settings):
        await eventually((tmp_path / "snapshot").exists)
    republish(older)
    async with run_gate(world, settings) as gate:
        await eventually(lambda: gate.pod.catalogue.ahead)
        assert versions(gate) == {"1.0", "2.0"}
    world.put("api", "second", None)
    republish(world)
    async with run_gate(world, settings) as gate:
        assert versions(gate) == {"1.0"}


async def test_the_same_revision_with_other_contents_is_taken(gate: Gate) -> None:
    """A database that was restored may give a revision to another change."""
    world = gate.world
    older = copy_of(world)
    world.put_api("ws://backend.test", version="2.0", id="second")
    await gate.caught_up()
    republish(older)
    older.put_api("ws://backend.test", version="3.0", id="third")
    await eventually(lambda: gate.pod.catalogue.mark == older.mark)
    assert versions(gate) == {"1.0", "3.0"}


async def test_a_pod_says_what_an_emptied_redis_lacks(gate: Gate) -> None:
    gate.world.redis.flushall()
    await eventually(lambda: gate.world.redis.zscore(keys.CATALOGUE_WITNESSES, "one") == gate.world.revision)
    assert serves_echo(gate)


async def test_the_age_counts_from_when_the_snapshot_was_confirmed_last(
    world: World, backend: Backend, tmp_path: Path, redis_url: str
) -> None:
    world.put_tutorial(backend.url)
    file = SnapshotFile(tmp_path / "snapshot")
    redis = connect(redis_url, seconds=5.0)
    wall = [1000.0]
    before = Catalogue(redis, time.monotonic, lambda: wall[0], file)
    await before._load()
    await before._save(file)
    wall[0] = 9000.0
    await before._save(file)
    await disconnect(redis)
    after = Catalogue(redis, lambda: 50.0, lambda: 9060.0, file)
    await after._restore()
    assert after.age_seconds == pytest.approx(60, abs=5)


async def test_objects_that_do_not_fit_their_digest_are_not_taken(gate: Gate) -> None:
    """A half-written or half-restored Redis: the epoch is new, and the objects are missing."""
    gate.world.redis.delete(keys.catalogue_objects("api"))
    gate.world.redis.hset(keys.CATALOGUE_STATE, mapping=Flat(Mark("two", 99, "0" * 64).fields()))
    await eventually(lambda: not gate.pod.catalogue._whole)
    assert serves_echo(gate)
    republish(gate.world, epoch="three")
    await gate.caught_up()
    assert serves_echo(gate)


async def test_a_trimmed_stream_is_noticed(gate: Gate, backend: Backend) -> None:
    """A revision is missing: what follows it is not applied as if nothing were."""
    gate.world.revision += 5
    gate.world.put_api(backend.url, version="2.0", id="second")
    await gate.caught_up()
    assert set(gate.pod.catalogue.table.contexts["/echo"].by_name) == {"1.0", "2.0"}


async def test_a_stream_that_was_emptied_is_noticed(gate: Gate, backend: Backend) -> None:
    gate.world.put_api(backend.url, version="2.0", id="second")
    gate.world.redis.delete(keys.CATALOGUE_STREAM)
    await gate.caught_up()
    assert set(gate.pod.catalogue.table.contexts["/echo"].by_name) == {"1.0", "2.0"}


async def test_one_bad_object_is_refused_alone_and_its_last_good_form_stays(gate: Gate, backend: Backend) -> None:
    gate.world.put("api", "api", json.dumps({"id": "api", "context": 7}))
    gate.world.put_api(backend.url, version="2.0", id="second")
    await gate.caught_up()
    assert list(gate.pod.catalogue.refused) == [("api", "api")]
    gate.world.put_subscription(api="second")
    await gate.caught_up()
    async with gate.connect("/echo/1.0"), gate.connect("/echo/2.0"):
        pass
    gate.world.put_api(backend.url)
    await gate.caught_up()
    assert gate.pod.catalogue.refused == {}


async def test_fields_of_a_newer_control_plane_are_ignored(gate: Gate) -> None:
    api = json.loads(gate.world.bodies["api"]["api"]) | {"a_new_field": {"x": 1}}
    gate.world.put("api", "api", json.dumps(api))
    await gate.caught_up()
    assert gate.pod.catalogue.refused == {}
    assert serves_echo(gate)


async def test_a_kind_of_a_newer_control_plane_is_held_unread(
    world: World, backend: Backend, tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the pod stays in step: what it does know is followed, loaded, and kept on disk."""
    monkeypatch.setattr(following, "SAVE_SECONDS", 0.0)
    world.put_tutorial(backend.url)
    world.redis.hset(keys.CATALOGUE_STATE, KINDS_FIELD, ",".join([*KINDS, "novelty"]))
    world.put("novelty", "first", '{"x": 1}')
    settings = Settings(redis_url=redis_url, demo=True, drain_seconds=0, snapshot=tmp_path / "snapshot")
    async with run_gate(world, settings) as gate:
        world.put("novelty", "second", "no JSON")
        world.put("novelty", "first", None)
        world.put_api(backend.url, version="2.0", id="second")
        await gate.caught_up()
        assert set(gate.pod.catalogue.table.contexts["/echo"].by_name) == {"1.0", "2.0"}
        assert gate.pod.catalogue.refused == {}
        await eventually(lambda: gate.pod.catalogue._saved == world.mark)
    nowhere = settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    async with run_pod(nowhere, Ports(port=0, tls_port=0, ops_port=0)) as running:
        await eventually(lambda: running.pod.catalogue.mark == world.mark)


async def test_objects_that_a_newer_control_plane_left_behind_do_no_harm(gate: Gate) -> None:
    """Going back: the older control plane names its kinds, and digests those alone."""
    gate.world.redis.hset(keys.catalogue_objects("block"), "left", "{}")
    gate.world.redis.hset(keys.CATALOGUE_STATE, KINDS_FIELD, ",".join(kind for kind in KINDS if kind != "block"))
    gate.world.epoch = "two"
    gate.world.redis.hset(keys.CATALOGUE_STATE, mapping=Flat(gate.world.mark.fields()))
    await gate.caught_up()
    assert serves_echo(gate)


async def test_a_pod_survives_a_redis_that_goes_and_comes(world: World, backend: Backend, redis_url: str) -> None:
    world.put_tutorial(backend.url)
    async with run_gate(world, Settings(redis_url=redis_url, demo=True, drain_seconds=0)) as gate:
        gate.world.redis.client_kill_filter(_type="normal", skipme=True)
        gate.world.put_api(backend.url, version="2.0", id="second")
        gate.world.put_subscription(api="second")
        await gate.caught_up()
        async with gate.connect("/echo/2.0"):
            pass


async def test_a_pod_starts_and_serves_without_redis(
    world: World, backend: Backend, tmp_path: Path, redis_url: str
) -> None:
    world.put_tutorial(backend.url)
    saved = Settings(redis_url=redis_url, demo=True, drain_seconds=0, snapshot=tmp_path / "snapshot")
    async with run_gate(world, saved):
        await eventually((tmp_path / "snapshot").exists)
    nowhere = saved.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    async with run_pod(nowhere, Ports(port=0, tls_port=0, ops_port=0)) as running:
        gate = Gate(running.pod, running.port, running.ops_port, world)
        await gate.caught_up()
        async with gate.connect() as client:
            await client.send("x")
            assert await client.recv() == "x"
        assert (gate.pod.catalogue.age_seconds or 0) > 0


async def test_a_pod_that_began_with_a_snapshot_follows_on(
    world: World, backend: Backend, tmp_path: Path, redis_url: str
) -> None:
    world.put_tutorial(backend.url)
    settings = Settings(redis_url=redis_url, demo=True, drain_seconds=0, snapshot=tmp_path / "snapshot")
    async with run_gate(world, settings):
        await eventually((tmp_path / "snapshot").exists)
    state = world.redis.hgetall(keys.CATALOGUE_STATE)
    world.redis.delete(keys.CATALOGUE_STATE)
    async with run_gate(world, settings) as gate:
        assert serves_echo(gate), "Redis is empty"
        world.redis.hset(keys.CATALOGUE_STATE, mapping=Flat(state))
        world.put_api(backend.url, version="2.0", id="second")
        await gate.caught_up()
        assert set(gate.pod.catalogue.table.contexts["/echo"].by_name) == {"1.0", "2.0"}


async def test_an_issuer_whose_keys_can_not_be_read_is_refused_alone(gate: Gate, backend: Backend) -> None:
    gate.world.put("issuer", "local", '{"issuer": "http://issuer.test", "keys": [{"kty": "EC"}]}')
    gate.world.put_api(backend.url, version="2.0", id="second")
    await gate.caught_up()
    assert ("issuer", "local") in gate.pod.catalogue.refused
    assert set(gate.pod.catalogue.table.contexts["/echo"].by_name) == {"1.0", "2.0"}, "what came behind it is served"
    async with gate.connect():
        pass


async def test_what_is_no_text_in_redis_stops_nothing_that_is_served(gate: Gate, backend: Backend) -> None:
    gate.world.redis.hset(keys.CATALOGUE_STATE, "epoch", b"\xff")
    gate.world.redis.hset(keys.CATALOGUE_STATE, "revision", gate.world.revision + 1)
    async with gate.connect() as client:
        await client.send("x")
        assert await client.recv() == "x"
    republish(gate.world)
    gate.world.put_api(backend.url, version="2.0", id="second")
    await gate.caught_up()
