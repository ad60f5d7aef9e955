"""Tokens that are bound to a key (RFC 9449)."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.jws import extract_compact

from tests.integration.control_plane.oauth.browser import CALLBACK, ISSUER, TOKEN, code_client, post
from tests.integration.control_plane.oauth.test_server import POST, error_of
from tests.integration.control_plane.platform import Platform, on_sqlite

Key = ECKey | RSAKey | OKPKey
KEY = ECKey.generate_key("P-256")
OTHER = ECKey.generate_key("P-256")


def prove(platform: Platform, header: dict[str, Any] | None = None, key: Key = KEY, **changes: Any) -> str:
    head = {"typ": "dpop+jwt", "alg": "ES256", "jwk": key.as_dict(private=False), **(header or {})}
    now = int(platform.clock().timestamp())
    claims = {"jti": uuid4().hex, "htm": "POST", "htu": ISSUER + TOKEN, "iat": now} | changes
    return jwt.encode(head, {name: value for name, value in claims.items() if value is not None}, key, [head["alg"]])


async def ask(platform: Platform, *proofs: str) -> httpx.Response:
    return await post(platform, TOKEN, *proofs, **POST)


def bound_to(response: httpx.Response) -> object:
    assert response.status_code == 200, response.text
    assert response.json()["token_type"] == "DPoP"
    return json.loads(extract_compact(response.json()["access_token"].encode()).payload)["cnf"]


async def test_a_token_is_bound_to_the_key_and_a_proof_good_once(platform: Platform) -> None:
    proof = prove(platform)
    assert bound_to(await ask(platform, proof)) == {"jkt": KEY.thumbprint()}
    assert error_of(await ask(platform, proof)) == "invalid_dpop_proof"
    proof = prove(platform)
    answers = await asyncio.gather(*(ask(platform, proof) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]


@pytest.mark.parametrize(
    ("algorithm", "key"), [("RS256", RSAKey.generate_key(2048)), ("Ed25519", OKPKey.generate_key("Ed25519"))]
)
@on_sqlite
async def test_keys_of_each_kind_can_be_proven(platform: Platform, algorithm: str, key: Key) -> None:
    assert bound_to(await ask(platform, prove(platform, {"alg": algorithm}, key))) == {"jkt": key.thumbprint()}


@on_sqlite
async def test_codes_and_refreshes_bind_as_well_and_a_bad_proof_uses_nothing_up(platform: Platform) -> None:
    client = await code_client(platform)
    form = {"client_id": client.id, "client_secret": client.secret}
    code = {"grant_type": "authorization_code", "code": await client.get_code(), "redirect_uri": CALLBACK}
    code["code_verifier"] = client.verifier
    assert error_of(await post(platform, TOKEN, "x", **form, **code)) == "invalid_dpop_proof"
    answer = await post(platform, TOKEN, prove(platform), **form, **code)
    assert bound_to(answer) == {"jkt": KEY.thumbprint()}
    refresh = {"grant_type": "refresh_token", "refresh_token": answer.json()["refresh_token"]}
    assert error_of(await post(platform, TOKEN, "x", **form, **refresh)) == "invalid_dpop_proof"
    answer = await post(platform, TOKEN, prove(platform, key=OTHER), **form, **refresh)
    assert bound_to(answer) == {"jkt": OTHER.thumbprint()}
    body = (await client.post("/oauth2/introspect", token=answer.json()["access_token"])).json()
    assert (body["token_type"], body["cnf"]) == ("DPoP", {"jkt": OTHER.thumbprint()})


@pytest.mark.parametrize(
    "change",
    [
        {"htm": "GET"},
        {"htu": ISSUER + "/oauth2/revoke"},
        {"htu": "https://other.example.com" + TOKEN},
        {"iat": 1},
        {"iat": 2**40},
        {"iat": None},
        {"jti": None},
        {"htm": None},
    ],
)
@on_sqlite
async def test_every_claim_counts(platform: Platform, change: dict[str, Any]) -> None:
    assert error_of(await ask(platform, prove(platform, **change))) == "invalid_dpop_proof"


@on_sqlite
async def test_a_query_of_the_address_does_not_count(platform: Platform) -> None:
    assert bound_to(await ask(platform, prove(platform, htu=f"{ISSUER}{TOKEN}?x#y")))


@on_sqlite
async def test_what_is_no_proof_is_refused(platform: Platform) -> None:
    symmetric = OctKey.generate_key(256)
    head = {"typ": "dpop+jwt", "alg": "HS256", "jwk": symmetric.as_dict(private=True)}
    for proof in (
        prove(platform, {"typ": "JWT"}),
        prove(platform, {"jwk": OTHER.as_dict(private=False)}),
        prove(platform, {"jwk": KEY.as_dict(private=True)}),
        prove(platform, {"cty": "x" * 9000}),
        jwt.encode(head, {"jti": "x"}, symmetric, ["HS256"]),
        prove(platform)[:-4],
        "a.b.c",
    ):
        assert error_of(await ask(platform, proof)) == "invalid_dpop_proof", proof
    assert error_of(await ask(platform, prove(platform), prove(platform))) == "invalid_dpop_proof"
