"""Forged tokens at the management API, and where an application's token is taken: each is refused."""

import json

from joserfc.jwk import ECKey
from joserfc.jws import extract_compact

from services.control_plane.oauth.keyring import KeyRing
from shared.claims import GATEWAY_AUDIENCE
from tests.integration.control_plane.platform import CLIENT_ID, CLIENT_SECRET, Platform, on_sqlite
from tests.integration.control_plane.store.test_tickets import make_token
from tests.support.forgery import forged, good


def key_of(platform: Platform) -> ECKey:
    key = platform.get(KeyRing).current
    assert isinstance(key, ECKey)
    return key


@on_sqlite
async def test_no_forged_token_manages(platform: Platform) -> None:
    key = key_of(platform)
    claims = json.loads(extract_compact((await platform.fetch_token(CLIENT_ID, CLIENT_SECRET)).encode()).payload)

    async def ask(token: str) -> tuple[int, str]:
        answer = await platform.client.get("/publisher/v1/apis", headers={"Authorization": f"Bearer {token}"})
        return answer.status_code, answer.headers.get("www-authenticate", "").partition(" ")[0]

    assert await ask(good(key, claims)) == (200, "")
    tokens = {**forged(key, claims), "for the gateway": good(key, {**claims, "aud": GATEWAY_AUDIENCE})}
    answers = {why: await ask(token) for why, token in tokens.items()}
    assert {why: answer for why, answer in answers.items() if answer != (401, "Bearer")} == {}


@on_sqlite
async def test_no_forged_token_gets_a_ticket(platform: Platform) -> None:
    api, application = await platform.publish_api(), await platform.make_application()
    key = key_of(platform)
    claims = json.loads(extract_compact((await make_token(platform, application)).encode()).payload)

    async def ask(token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return (
            await platform.client.post("/store/v1/tickets", json={"api_id": api["id"]}, headers=headers)
        ).status_code

    assert await ask(good(key, claims)) == 201
    answers = {why: await ask(token) for why, token in forged(key, claims).items()}
    assert {why: answer for why, answer in answers.items() if answer != 401} == {}
