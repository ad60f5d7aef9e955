"""Tokens that are bound to a key, at the management API and for tickets (RFC 9449, section 7)."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import httpx
import pytest

from services.control_plane.identity.personal_tokens import PREFIX
from shared.dpop import hash_token
from tests.integration.control_plane.oauth.browser import ISSUER, TOKEN, post
from tests.integration.control_plane.oauth.test_dpop import OTHER, ask, prove
from tests.integration.control_plane.platform import CLIENT_ID, CLIENT_SECRET, Platform, on_sqlite, problem

APIS: Final = "/publisher/v1/apis"
TICKETS: Final = "/store/v1/tickets"
CHALLENGE: Final = 'DPoP realm="framegate", error="invalid_dpop_proof", algs="ES256 RS256 Ed25519"'


@pytest.fixture
async def token(platform: Platform) -> str:
    """Return a token of the bootstrap account that is bound to a key."""
    return str((await ask(platform, prove(platform))).json()["access_token"])


def proof_of(platform: Platform, token: str, **changes: Any) -> str:
    request = {"htm": "GET", "htu": ISSUER + APIS, "ath": hash_token(token)}
    return prove(platform, **{**request, **changes})


async def send(
    platform: Platform, token: str, *proofs: str, method: str = "GET", path: str = APIS, **options: Any
) -> httpx.Response:
    headers: Sequence[tuple[str, str]] = [("Authorization", f"DPoP {token}"), *(("DPoP", proof) for proof in proofs)]
    return await platform.client.request(method, path, headers=headers, **options)


async def test_a_bound_token_manages_with_a_proof_that_is_good_once(platform: Platform, token: str) -> None:
    proof = proof_of(platform, token)
    assert (await send(platform, token, proof, params={"limit": 1})).status_code == 200
    again = await send(platform, token, proof)
    problem(again, 401, "proof_invalid")
    assert again.headers["www-authenticate"] == CHALLENGE
    proof = proof_of(platform, token)
    answers = await asyncio.gather(*(send(platform, token, proof) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]


async def test_a_proof_is_used_once_where_several_parts_ask_who_calls(platform: Platform, token: str) -> None:
    application = await platform.make_application()
    path = f"/store/v1/applications/{application['id']}"
    for method in ("GET", "DELETE"):
        proof = proof_of(platform, token, htm=method, htu=ISSUER + path)
        assert (await send(platform, token, proof, method=method, path=path)).is_success


@pytest.mark.parametrize(
    "change",
    [
        {"htm": "POST"},
        {"htu": f"{ISSUER}/publisher/v1"},
        {"htu": f"https://other.example.com{APIS}"},
        {"ath": hash_token("another")},
        {"ath": None},
        {"iat": 1},
        {"jti": None},
    ],
)
@on_sqlite
async def test_every_claim_of_a_proof_counts(platform: Platform, token: str, change: dict[str, Any]) -> None:
    problem(await send(platform, token, proof_of(platform, token, **change)), 401, "proof_invalid")


@on_sqlite
async def test_there_is_one_proof(platform: Platform, token: str) -> None:
    problem(await send(platform, token), 401, "proof_invalid")
    two = [proof_of(platform, token) for _ in range(2)]
    problem(await send(platform, token, *two), 401, "proof_invalid")
    problem(await send(platform, token, "x"), 401, "proof_invalid")


@on_sqlite
async def test_a_proof_of_another_key_proves_nothing_and_is_not_kept(platform: Platform, token: str) -> None:
    proof = proof_of(platform, token, key=OTHER)
    for _ in range(2):
        refused = await send(platform, token, proof)
        assert "not proven" in problem(refused, 401, "unauthorized")["detail"]


@on_sqlite
async def test_a_bound_token_is_no_bearer_token_nor_the_other_way_round(platform: Platform, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}", "DPoP": proof_of(platform, token)}
    refused = await platform.client.get(APIS, headers=headers)
    problem(refused, 401, "unauthorized")
    assert 'DPoP algs="ES256 RS256 Ed25519"' in refused.headers["www-authenticate"]
    for unbound in (await platform.fetch_token(CLIENT_ID, CLIENT_SECRET), f"{PREFIX}x"):
        problem(await send(platform, unbound, proof_of(platform, unbound)), 401, "unauthorized")


async def test_a_revoked_token_is_refused_with_a_proof_too(platform: Platform, token: str) -> None:
    await post(platform, "/oauth2/revoke", token=token, client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
    problem(await send(platform, token, proof_of(platform, token)), 401, "unauthorized")


async def test_a_bound_token_gets_a_ticket(platform: Platform) -> None:
    api, application = await platform.publish_api(), await platform.make_application()
    key = await platform.made(f"/store/v1/applications/{application['id']}/keys", {"key_type": "SANDBOX"})
    form = {"client_id": key["consumer_key"], "client_secret": key["consumer_secret"]}
    answer = await post(platform, TOKEN, prove(platform), grant_type="client_credentials", **form)
    token = answer.json()["access_token"]
    proof = proof_of(platform, token, htm="POST", htu=ISSUER + TICKETS)
    asked: dict[str, Any] = {"method": "POST", "path": TICKETS, "json": {"api_id": api["id"]}}
    assert (await send(platform, token, proof, **asked)).status_code == 201
    problem(await send(platform, token, proof, **asked), 401, "proof_invalid")
