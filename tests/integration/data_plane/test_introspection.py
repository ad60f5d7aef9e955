"""Opaque tokens: their issuer is asked at the handshake, once, and not for long."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.fernet import Fernet

from services.data_plane.introspection import AT_ONCE, AT_ONCE_OF_ONE, MAX_BYTES, REFUSED_SECONDS, SECONDS
from services.data_plane.settings import Settings
from shared import keys
from shared.claims import ExternalIssuerDefinition, IntrospectionDefinition, IssuerDefinition
from tests.integration.data_plane.conftest import Backend, Gate, run_gate
from tests.integration.data_plane.test_refusals import attempt, refusal, slug
from tests.support.outside import AUDIENCE, CLIENT_ID, CLIENT_SECRET, Answer, Outside, outside_issuer
from tests.support.waiting import eventually

UNSEALING_KEY = Fernet.generate_key()


@pytest.fixture
def outside() -> Iterator[Outside]:
    with outside_issuer() as issuer:
        yield issuer


def put_issuer(gate: Gate, outside: Outside, name: str = "partner", **changes: Any) -> None:
    sealed = Fernet(UNSEALING_KEY).encrypt(CLIENT_SECRET.encode()).decode()
    asked = {"url": outside.introspection_url, "client_id": CLIENT_ID, "sealed_secret": sealed} | changes
    external = ExternalIssuerDefinition(
        name=name,
        audience=AUDIENCE,
        keys=tuple(key.as_dict(private=False) for key in outside.keys),
        introspection=IntrospectionDefinition.model_validate(asked),
    )
    url = outside.issuer if name == "partner" else f"https://{name}.example"
    gate.world.put("issuer", f"external/{name}", IssuerDefinition(issuer=url, keys=(), external=external))


async def trusting(gate: Gate, backend: Backend, outside: Outside, **changes: Any) -> None:
    """Have the API trust an issuer that can be asked, and one of its clients be the application."""
    gate.world.redis.set(keys.CATALOGUE_KEY, UNSEALING_KEY)
    put_issuer(gate, outside, **changes)
    gate.world.put_key("partner/their-app")
    gate.world.put_api(backend.url, issuers=("partner",))
    await gate.caught_up()
    await eventually(lambda: gate.pod.catalogue.unsealing_key == UNSEALING_KEY.decode())


async def test_an_opaque_token_opens(gate: Gate, backend: Backend, outside: Outside) -> None:
    await trusting(gate, backend, outside)
    token = outside.opaque_token()
    for _ in range(3):
        async with gate.connect(token=token) as client:
            await client.send("hello")
            assert await client.recv() == "hello"
    assert backend.request.headers["X-Consumer-Application"] == "app"
    assert outside.asked == ["/introspect"], "and the answer is kept for a moment"
    async with gate.connect(token=outside.token()):
        pass
    assert outside.asked == ["/introspect"], "of a JWT nobody is asked"


async def test_many_handshakes_ask_once(gate: Gate, backend: Backend, outside: Outside) -> None:
    await trusting(gate, backend, outside)
    token = outside.opaque_token()
    assert await asyncio.gather(*(attempt(gate, token) for _ in range(20))) == [None] * 20
    assert outside.asked == ["/introspect"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"active": False}, (401, "token_invalid")),
        ({"aud": "account"}, (401, "token_invalid")),
        ({"aud": None}, (401, "token_invalid")),
        ({"exp": None}, (401, "token_invalid")),
        ({"iss": "https://another.example"}, (401, "token_invalid")),
        ({"cnf": {"jkt": "x"}}, (401, "token_invalid")),
        ({"seconds": -60}, (401, "token_expired")),
        ({"client": "another"}, (403, "client_unmapped")),
    ],
)
async def test_an_opaque_token_that_is_not_good(
    gate: Gate, backend: Backend, outside: Outside, changes: dict[str, Any], expected: tuple[int, str]
) -> None:
    await trusting(gate, backend, outside)
    assert slug(await refusal(gate, token=outside.opaque_token(**changes))) == expected


async def test_that_a_token_is_not_good_is_kept_for_less_long(gate: Gate, backend: Backend, outside: Outside) -> None:
    await trusting(gate, backend, outside)
    for _ in range(3):
        assert slug(await refusal(gate, token="opaque-unknown")) == (401, "token_invalid")
    assert outside.asked == ["/introspect"]
    (known,) = gate.pod.introspector._known.values()
    assert known.until <= gate.pod.gateway.clock() + REFUSED_SECONDS


async def test_an_answer_is_kept_no_longer_than_the_token_lives(gate: Gate, backend: Backend, outside: Outside) -> None:
    await trusting(gate, backend, outside)
    token = outside.opaque_token(seconds=2)
    async with gate.connect(token=token) as client, asyncio.timeout(6):
        await client.wait_closed()
    assert (client.close_code, client.close_reason) == (4401, "token_expired")
    (known,) = gate.pod.introspector._known.values()
    assert known.claims is not None
    assert known.until <= known.claims.exp


@pytest.mark.parametrize(
    "answer",
    [
        Answer({"error": "server_error"}, 500),
        Answer({}, 302, {"Location": "/introspect"}),
        Answer(b"<html>"),
        Answer([]),
        Answer(b" " * (MAX_BYTES + 1)),
        Answer(b"[" * 60_000),
        Answer(b" " * 1000, pause_seconds=0.1),
    ],
    ids=["500", "redirect", "HTML", "list", "long", "deep", "slow"],
)
async def test_without_an_answer_nobody_passes(gate: Gate, backend: Backend, outside: Outside, answer: Answer) -> None:
    await trusting(gate, backend, outside)
    outside.answers["/introspect"] = answer
    token = outside.opaque_token()
    began = time.monotonic()
    refused = await asyncio.gather(*(refusal(gate, token=token) for _ in range(5)))
    assert time.monotonic() - began < SECONDS + 1.5
    assert {slug(it) for it in refused} == {(503, "unavailable")}
    assert all(int(it[2]["retry-after"]) > 0 for it in refused)
    assert backend.handshakes == []


async def test_one_address_does_not_take_every_place(gate: Gate, backend: Backend, outside: Outside) -> None:
    await trusting(gate, backend, outside)
    known, good = outside.opaque_token(), outside.opaque_token()
    async with gate.connect(token=known):
        pass
    outside.answers["/introspect"] = Answer(b" " * 1000, pause_seconds=0.1)
    asking = [asyncio.ensure_future(attempt(gate, f"opaque-{number}")) for number in range(AT_ONCE)]
    await eventually(lambda: sum(it.done() for it in asking) == AT_ONCE - AT_ONCE_OF_ONE)
    refused = [it.result() for it in asking if it.done()]
    assert {slug(it) for it in refused if it} == {(429, "too_many_requests")}
    assert {it[2]["retry-after"] for it in refused if it} == {"1"}
    await eventually(lambda: outside.asked.count("/introspect") == 1 + AT_ONCE_OF_ONE)
    del outside.answers["/introspect"]
    async with gate.connect(token=known):
        pass  # with an answer that is kept
    async with gate.connect(token=good, local_addr=("127.0.0.2", 0)):
        pass
    assert None not in await asyncio.gather(*asking)
    async with gate.connect(token=good):
        pass
    assert not gate.pod.introspector._asking_for


async def test_an_issuer_that_hangs_holds_nobody_else_up(gate: Gate, backend: Backend, outside: Outside) -> None:
    await trusting(gate, backend, outside)
    outside.answers["/introspect"] = Answer(b" " * 1000, pause_seconds=0.1)
    asking = [asyncio.ensure_future(attempt(gate, f"opaque-{number}")) for number in range(AT_ONCE + 4)]
    async with gate.connect(token=outside.token()), gate.connect():
        pass  # with JWTs
    answers = await asyncio.gather(*asking)
    assert {slug(answer) for answer in answers if answer} <= {(503, "unavailable"), (429, "too_many_requests")}
    assert outside.asked.count("/introspect") <= AT_ONCE_OF_ONE


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "somebody else"},
        {"sealed_secret": "not sealed with this key"},
        {"url": "http://127.0.0.1:1/introspect"},
        {"url": "http://nobody.invalid/introspect"},
        {"url": "no URL"},
    ],
)
async def test_an_issuer_that_can_not_be_asked(
    gate: Gate, backend: Backend, outside: Outside, changes: dict[str, Any]
) -> None:
    await trusting(gate, backend, outside, **changes)
    status, _ = slug(await refusal(gate, token=outside.opaque_token()))
    assert status == 503


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_only_allowed_addresses_are_asked(gate: Gate, backend: Backend, outside: Outside, host: str) -> None:
    url = f"http://{host}:{outside.server_port}/introspect"
    await trusting(gate, backend, outside, url=url)
    settings = Settings(redis_url=gate.pod.settings.redis_url, drain_seconds=0.1, endpoint_allow="192.0.2.0/24")
    async with run_gate(gate.world, settings) as strict:
        assert slug(await refusal(strict, token=outside.opaque_token())) == (503, "unavailable")
    assert outside.asked == []


async def test_an_api_that_does_not_trust_the_issuer_asks_nobody(
    gate: Gate, backend: Backend, outside: Outside
) -> None:
    await trusting(gate, backend, outside)
    gate.world.put_api(backend.url)
    await gate.caught_up()
    assert slug(await refusal(gate, token=outside.opaque_token())) == (401, "token_invalid")
    assert outside.asked == []


async def test_a_token_is_shown_to_no_issuer_that_may_not_be_its_own(
    gate: Gate, backend: Backend, outside: Outside
) -> None:
    await trusting(gate, backend, outside)
    put_issuer(gate, outside, "second")
    gate.world.put_api(backend.url, issuers=("partner", "second"))
    await gate.caught_up()
    assert slug(await refusal(gate, token=outside.opaque_token())) == (401, "token_invalid")
    assert outside.asked == []


async def test_what_is_said_anew_of_an_issuer_counts_at_once(gate: Gate, backend: Backend, outside: Outside) -> None:
    await trusting(gate, backend, outside)
    token = outside.opaque_token()
    async with gate.connect(token=token):
        pass
    del outside.opaque[token]
    put_issuer(gate, outside)
    await gate.caught_up()
    assert slug(await refusal(gate, token=token)) == (401, "token_invalid")
