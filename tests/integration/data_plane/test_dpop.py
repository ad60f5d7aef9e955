"""Tokens that are bound to a key (RFC 9449), at the gateway."""

import asyncio
import time
from typing import Any
from uuid import uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from redis.asyncio import Redis as AsyncRedis
from websockets.exceptions import InvalidStatus

from services.data_plane.dpop import KEPT_SECONDS, UsedProofs
from services.data_plane.redis_client import connect, disconnect
from services.data_plane.refusal import RefusedError
from services.data_plane.settings import Settings
from shared.dpop import hash_token
from tests.integration.data_plane.conftest import Backend, Gate, run_gate
from tests.integration.data_plane.test_refusals import refusal, slug
from tests.support.waiting import free_port

KEY, OTHER = (ECKey.generate_key("P-256") for _ in range(2))
ALGS = 'algs="ES256 RS256 Ed25519"'


def bound(gate: Gate, **cnf: str) -> str:
    return gate.world.issuer.token(cnf={"jkt": KEY.thumbprint(), **cnf})


def prove(gate: Gate, token: str, key: ECKey = KEY, **changes: Any) -> str:
    head = {"typ": "dpop+jwt", "alg": "ES256", "jwk": key.as_dict(private=False)}
    now = time.time()  # noqa: TID251 - a test's proofs are of now
    htu = f"ws://127.0.0.1:{gate.port}/echo/1.0"
    claims = {"jti": uuid4().hex, "htm": "GET", "htu": htu, "iat": now, "ath": hash_token(token)} | changes
    return jwt.encode(head, {name: value for name, value in claims.items() if value is not None}, key)


def shown(token: str, proof: str, scheme: str = "DPoP") -> dict[str, str]:
    return {"Authorization": f"{scheme} {token}", "DPoP": proof}


async def refused(gate: Gate, headers: dict[str, str]) -> tuple[int, str]:
    answer = await refusal(gate, token=None, headers=headers)
    assert "DPoP " in answer[2]["www-authenticate"]
    assert ALGS in answer[2]["www-authenticate"]
    return slug(answer)


async def test_a_bound_token_opens_with_a_proof_once_on_any_pod(
    gate: Gate, backend: Backend, pod_settings: Settings
) -> None:
    token = bound(gate)
    headers = shown(token, prove(gate, token, htu=f"http://127.0.0.1:{gate.port}/echo/1.0?x#y"))
    async with gate.connect("/echo/1.0?a=1", token=None, headers=headers) as client:
        await client.send("x")
        await client.recv()
    assert {"authorization", "dpop"}.isdisjoint(name.lower() for name, _ in backend.request.headers.raw_items())
    assert await refused(gate, headers) == (401, "proof_invalid")
    public = pod_settings.model_copy(update={"gateway_url": f"ws://127.0.0.1:{gate.port}"})
    async with run_gate(gate.world, public) as other:
        assert await refused(other, headers) == (401, "proof_invalid")
        async with other.connect(token=None, headers=shown(token, prove(gate, token))):
            pass
        own = shown(token, prove(other, token))
        assert await refused(other, own) == (401, "proof_invalid"), "whatever host the request names"


async def test_a_proof_that_is_shown_twice_at_once(gate: Gate) -> None:
    token = bound(gate)
    headers = shown(token, prove(gate, token))

    async def is_accepted() -> bool:
        try:
            async with gate.connect(token=None, headers=headers):
                return True
        except InvalidStatus:
            return False

    assert sum(await asyncio.gather(*(is_accepted() for _ in range(8)))) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"htm": "POST"},
        {"htu": "ws://other.test/echo/1.0"},
        {"htu": "ws://127.0.0.1/echo/1.0"},
        {"htu": "not a URL"},
        {"ath": "x"},
        {"ath": None},
        {"iat": 1},
        {"iat": 2**40},
        {"jti": None},
    ],
)
async def test_every_claim_of_a_proof_counts(gate: Gate, change: dict[str, Any]) -> None:
    token = bound(gate)
    assert await refused(gate, shown(token, prove(gate, token, **change))) == (401, "proof_invalid")


async def test_another_path_or_scheme_is_another_address(gate: Gate) -> None:
    token = bound(gate)
    for htu in (f"ws://127.0.0.1:{gate.port}/echo", f"wss://127.0.0.1:{gate.port}/echo/1.0"):
        assert await refused(gate, shown(token, prove(gate, token, htu=htu))) == (401, "proof_invalid")


async def test_token_and_proof_belong_together(gate: Gate) -> None:
    token, loose = bound(gate), gate.world.issuer.token()
    invalid = (401, "token_invalid")
    assert await refused(gate, shown(token, prove(gate, token, OTHER))) == invalid
    assert await refused(gate, shown(loose, prove(gate, loose))) == invalid
    assert await refused(gate, shown(token, prove(gate, token), "Bearer")) == invalid
    assert await refused(gate, {"Authorization": f"DPoP {token}"}) == (401, "proof_invalid")
    twice = bound(gate, **{"x5t#S256": "x"})
    assert await refused(gate, shown(twice, prove(gate, twice))) == invalid


async def test_without_redis_a_pod_knows_what_it_saw_itself() -> None:
    lost = connect(f"redis://127.0.0.1:{free_port()}/0", seconds=0.1)
    alone: list[str] = []
    allowing = UsedProofs(lost, "allow", limit=2, on_alone=alone.append)
    assert [await allowing.use(name, 0) for name in ("a", "a", "b")] == [True, False, True]
    with pytest.raises(RefusedError, match="unavailable"):
        await allowing.use("c", 1)
    assert await allowing.use("d", KEPT_SECONDS + 2)
    assert alone == ["allow", "allow", "deny", "allow"]
    with pytest.raises(RefusedError, match="unavailable"):
        await UsedProofs(lost, "deny").use("a", 0)
    await disconnect(lost)


async def test_a_used_proof_is_forgotten_in_time(redis_url: str) -> None:
    redis = AsyncRedis.from_url(redis_url)
    assert await UsedProofs(redis, "deny").use("one", 0)
    assert not await UsedProofs(redis, "deny").use("one", 0)
    (key,) = [key async for key in redis.scan_iter("fg:{dpop:*")]
    assert 0 < await redis.ttl(key) <= KEPT_SECONDS
    await redis.aclose()
