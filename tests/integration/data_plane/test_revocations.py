"""Revoked tokens: refused, and pushed to open connections, whatever Redis does."""

import asyncio
import time

import pytest

from services.data_plane import revocations
from services.data_plane.settings import Settings
from shared import keys
from tests.integration.data_plane.conftest import Gate, run_gate
from tests.integration.data_plane.test_refusals import refusal, slug
from tests.support.redis import on_each_redis
from tests.support.waiting import eventually
from tests.support.world import World

pytestmark = on_each_redis


def revoke(world: World, jti: str, *, seconds: int = 60, stream: bool = True) -> None:
    expires_at = int(time.time()) + seconds  # noqa: TID251 - a test's tokens are of now
    world.redis.zadd(keys.REVOCATIONS_SET, {jti: expires_at})
    if stream:
        world.redis.xadd(keys.REVOCATIONS_STREAM, {"jti": jti, "expires_at": expires_at})


async def test_a_revoked_token_closes_what_it_opened_on_every_pod_and_nothing_else(
    gate: Gate, pod_settings: Settings
) -> None:
    revoked = gate.world.issuer.token(jti="bad")
    async with run_gate(gate.world, pod_settings) as other:
        async with gate.connect(token=revoked) as one, other.connect(token=revoked) as two, other.connect() as good:
            began = time.monotonic()
            revoke(gate.world, "bad")
            async with asyncio.timeout(5):
                await asyncio.gather(one.wait_closed(), two.wait_closed())
            assert time.monotonic() - began < 2
            assert {(client.close_code, client.close_reason) for client in (one, two)} == {(4501, "token_revoked")}
            await good.send("still here")
            assert await asyncio.wait_for(good.recv(), 5) == "still here"
        assert slug(await refusal(other, token=revoked)) == (401, "token_revoked")


async def test_a_pod_that_comes_later_knows_what_was_revoked(gate: Gate, pod_settings: Settings) -> None:
    revoke(gate.world, "bad", stream=False)
    async with run_gate(gate.world, pod_settings) as later:
        await eventually(lambda: "bad" in later.pod.revocations)
        assert slug(await refusal(later, token=gate.world.issuer.token(jti="bad"))) == (401, "token_revoked")


async def test_what_the_stream_lost_is_found_in_the_set(
    world: World, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revocations, "RELOAD_SECONDS", 0.1)
    async with gate.connect(token=world.issuer.token(jti="bad")) as client:
        revoke(world, "bad", stream=False)
        async with asyncio.timeout(5):
            await client.wait_closed()
        assert client.close_code == 4501


async def test_an_emptied_redis_brings_no_token_back(gate: Gate) -> None:
    revoke(gate.world, "bad")
    await eventually(lambda: "bad" in gate.pod.revocations)
    gate.world.redis.delete(keys.REVOCATIONS_SET, keys.REVOCATIONS_STREAM)
    revoke(gate.world, "worse")
    await eventually(lambda: "worse" in gate.pod.revocations, within=10)
    assert "bad" in gate.pod.revocations


async def test_what_has_expired_is_forgotten(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revocations, "RELOAD_SECONDS", 0.0)
    monkeypatch.setattr(revocations, "KEPT_SECONDS", 0.0)
    revoke(gate.world, "old", seconds=2)
    await eventually(lambda: "old" in gate.pod.revocations)
    await eventually(lambda: "old" not in gate.pod.revocations)


async def test_rubbish_in_the_stream_stops_nothing(gate: Gate) -> None:
    gate.world.redis.xadd(keys.REVOCATIONS_STREAM, {"what": "is this"})
    revoke(gate.world, "bad")
    await eventually(lambda: "bad" in gate.pod.revocations, within=10)
