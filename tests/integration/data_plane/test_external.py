"""Tokens of issuers that are not ours, at an API that trusts them."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from services.data_plane.hints import KeyHints
from shared import keys
from shared.assertions import ASSERTION_HEADER
from shared.claims import ExternalIssuerDefinition, IssuerDefinition
from tests.integration.data_plane.conftest import Backend, Gate
from tests.integration.data_plane.test_assertion import make_key as make_assertion_key
from tests.integration.data_plane.test_assertion import opened, put_key, read
from tests.integration.data_plane.test_refusals import refusal, slug
from tests.integration.data_plane.test_revocations import revoke
from tests.support.outside import AUDIENCE, Outside, make_key, outside_issuer
from tests.support.waiting import eventually


@pytest.fixture
def outside() -> Iterator[Outside]:
    with outside_issuer() as issuer:
        yield issuer


def put_issuer(gate: Gate, outside: Outside, name: str = "partner") -> None:
    """Tell the pods of an issuer and its keys, as the control plane does."""
    public = tuple(key.as_dict(private=False) for key in outside.keys)
    external = ExternalIssuerDefinition(name=name, audience=AUDIENCE, keys=public)
    gate.world.put("issuer", f"external/{name}", IssuerDefinition(issuer=outside.issuer, keys=(), external=external))


async def trusting(gate: Gate, backend: Backend, outside: Outside, **fields: Any) -> None:
    """Have the API trust the issuer, and one of its clients be the application."""
    put_issuer(gate, outside)
    gate.world.put_key("partner/their-app")
    gate.world.put_api(backend.url, issuers=("partner",), **fields)
    await gate.caught_up()


async def closed(client: Any) -> tuple[int | None, str | None]:
    async with asyncio.timeout(5):
        await client.wait_closed()
    return client.close_code, client.close_reason


async def test_a_mapped_client_s_token_opens_as_its_application(gate: Gate, backend: Backend, outside: Outside) -> None:
    await trusting(gate, backend, outside)
    async with gate.connect(token=outside.token()) as client:
        await client.send("hello")
        assert await client.recv() == "hello"
    assert backend.request.headers["X-Consumer-Application"] == "app"
    async with gate.connect():
        pass  # with one of ours as before


async def test_an_api_that_does_not_trust_the_issuer(gate: Gate, backend: Backend, outside: Outside) -> None:
    await trusting(gate, backend, outside)
    token = outside.token()
    async with gate.connect(token=token):
        pass  # and now it is remembered
    gate.world.put_api(backend.url, issuers=("another",))
    await gate.caught_up()
    for shown in (token, outside.token()):
        status, problem, headers = await refusal(gate, token=shown)
        assert (status, problem["type"]) == (401, "/problems/issuer_untrusted")
        assert 'error="invalid_token"' in headers["www-authenticate"]


async def test_a_client_that_is_mapped_to_nothing(gate: Gate, backend: Backend, outside: Outside) -> None:
    await trusting(gate, backend, outside)
    assert slug(await refusal(gate, token=outside.token("another"))) == (403, "client_unmapped")


async def test_no_issuer_speaks_for_our_clients(gate: Gate, backend: Backend, outside: Outside) -> None:
    """The name of a key of ours, or of another issuer's client, is just a name of this issuer's."""
    await trusting(gate, backend, outside)
    gate.world.put_key("other/app", application="app")
    await gate.caught_up()
    for name in ("key", "other/app", "partner/their-app"):
        assert slug(await refusal(gate, token=outside.token(name))) == (403, "client_unmapped")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"aud": "account"}, (401, "token_invalid")),
        ({"seconds": -60}, (401, "token_expired")),
        ({"azp": None}, (401, "token_invalid")),
        ({"typ": "id+jwt"}, (401, "token_invalid")),
        ({"iss": "https://another.example"}, (401, "token_invalid")),
        ({"cnf": {"jkt": "x"}}, (401, "token_invalid")),
    ],
)
async def test_a_token_that_is_not_good(
    gate: Gate, backend: Backend, outside: Outside, changes: dict[str, Any], expected: tuple[int, str]
) -> None:
    await trusting(gate, backend, outside)
    assert slug(await refusal(gate, token=outside.token(**changes))) == expected


async def test_scopes_count_as_those_of_ours_do(gate: Gate, backend: Backend, outside: Outside) -> None:
    await trusting(gate, backend, outside, auth={"types": ["oauth2"], "scopes": ["chat"]})
    async with gate.connect(token=outside.token(scope="openid chat")):
        pass
    assert slug(await refusal(gate, token=outside.token(scope="openid"))) == (403, "scope_missing")


async def test_a_connection_ends_with_its_token(gate: Gate, backend: Backend, outside: Outside) -> None:
    await trusting(gate, backend, outside)
    async with gate.connect(token=outside.token(seconds=2)) as client:
        assert await closed(client) == (4401, "token_expired")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("the API", (4501, "issuer_untrusted")),
        ("the issuer", (4501, "issuer_untrusted")),
        ("the mapping", (4503, "client_unmapped")),
        ("the subscription", (4503, "subscription_removed")),
    ],
)
async def test_what_is_taken_away_closes_what_is_open(
    gate: Gate, backend: Backend, outside: Outside, change: str, expected: tuple[int, str]
) -> None:
    await trusting(gate, backend, outside)
    async with gate.connect(token=outside.token()) as client, gate.connect() as other:
        match change:
            case "the API":
                gate.world.put_api(backend.url)
            case "the issuer":
                gate.world.put("issuer", "external/partner", None)
            case "the mapping":
                gate.world.put("key", "partner/their-app", None)
            case _:
                gate.world.put_subscription(state="UNBLOCKED", application="app")
                gate.world.put("subscription", "app-api", None)
        assert await closed(client) == expected
        if change != "the subscription":
            await other.send("still here")
            assert await other.recv() == "still here"


async def test_a_key_that_the_issuer_no_longer_has(gate: Gate, backend: Backend, outside: Outside) -> None:
    await trusting(gate, backend, outside)
    token = outside.token()
    async with gate.connect(token=token):
        pass
    outside.keys[:] = [make_key()]
    put_issuer(gate, outside)
    await gate.caught_up()
    assert slug(await refusal(gate, token=token)) == (401, "token_invalid")


async def test_an_unknown_key_is_asked_for(gate: Gate, backend: Backend, outside: Outside) -> None:
    await trusting(gate, backend, outside)
    outside.keys.append(make_key())
    token = outside.token()
    assert slug(await refusal(gate, token=token)) == (401, "token_invalid")
    await eventually(lambda: gate.world.redis.smembers(keys.ISSUER_HINTS) == {"partner"})
    put_issuer(gate, outside)
    await gate.caught_up()
    async with gate.connect(token=token):
        pass


async def test_a_forged_signature_asks_for_nothing(gate: Gate, backend: Backend, outside: Outside) -> None:
    await trusting(gate, backend, outside)
    assert slug(await refusal(gate, token=outside.token()[:-8] + "AAAAAAAA")) == (401, "token_invalid")
    assert not gate.pod.hints._noted
    assert not gate.world.redis.exists(keys.ISSUER_HINTS)


async def test_an_issuer_is_asked_for_twice_a_minute_at_most(gate: Gate) -> None:
    now = 1000.0
    hints = KeyHints(gate.pod._counter, lambda: now)
    for _ in range(3):
        hints.note("partner")
    assert hints._noted == {"partner"}
    await hints._tell()
    hints.note("partner")
    assert hints._noted == set()
    now += 30
    hints.note("partner")
    assert hints._noted == {"partner"}


async def test_no_external_issuer_takes_the_place_of_ours(gate: Gate, backend: Backend, outside: Outside) -> None:
    await trusting(gate, backend, outside)
    outside.issuer = "http://issuer.test"
    put_issuer(gate, outside, "usurper")
    await gate.caught_up()
    async with gate.connect():
        pass
    assert slug(await refusal(gate, token=outside.token())) == (401, "token_invalid")


async def test_a_backend_is_told_whose_subject_it_is(gate: Gate, backend: Backend, outside: Outside) -> None:
    key = make_assertion_key()
    put_key(gate.world, key)
    await trusting(gate, backend, outside, backend_assertion=True)
    await opened(gate)
    async with gate.connect(token=outside.token()):
        pass
    assert backend.request.headers[ASSERTION_HEADER]
    claims = read(backend, key)
    assert (claims["sub"], claims["client_id"]) == ("partner/alice", "partner/their-app")


async def test_a_revoked_token_of_ours_says_nothing_of_theirs(gate: Gate, backend: Backend, outside: Outside) -> None:
    await trusting(gate, backend, outside)
    revoke(gate.world, "shared-id")
    await eventually(lambda: "shared-id" in gate.pod.revocations)
    async with gate.connect(token=outside.token(jti="shared-id")):
        pass
