"""authorization_code with PKCE and refresh_token, as RFC 6749, 7636 and 9700 have them."""

import asyncio
import json

import pytest
from joserfc.jws import extract_compact
from redis import Redis
from sqlmodel import select

from services.control_plane.oauth.grants import GrantService
from services.control_plane.oauth.models import AuthorizationCode, IssuedToken, OAuthGrant, RefreshToken
from services.control_plane.oauth.server import TokenServices
from shared import keys
from tests.integration.control_plane.oauth.browser import CALLBACK, code_client
from tests.integration.control_plane.oauth.test_server import error_of
from tests.integration.control_plane.platform import Platform, on_sqlite, problem
from tests.support.waiting import eventually


def claims_of(token: str) -> dict[str, object]:
    claims: dict[str, object] = json.loads(extract_compact(token.encode()).payload)
    return claims


async def test_a_code_becomes_tokens_for_the_person(platform: Platform) -> None:
    client = await code_client(platform)
    response = await client.exchange(await client.get_code(scope="read"))
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    answer = response.json()
    assert (answer["token_type"], answer["expires_in"], answer["scope"]) == ("Bearer", 3600, "read")
    claims = claims_of(answer["access_token"])
    assert claims["client_id"] == client.id != claims["sub"]
    assert (claims["aud"], claims["scope"]) == ("urn:framegate:gateway", "read")
    assert await client.is_active(answer["access_token"])
    assert await client.is_active(answer["refresh_token"])
    again = (await client.refresh(answer["refresh_token"])).json()
    assert claims_of(again["access_token"])["sub"] == claims["sub"]
    assert again["scope"] == "read"


async def test_codes_and_tokens_are_stored_as_hashes(platform: Platform) -> None:
    client = await code_client(platform)
    code = await client.get_code()
    answer = (await client.exchange(code)).json()
    with platform.database.reading() as session:
        for model in (AuthorizationCode, RefreshToken, IssuedToken, OAuthGrant):
            (row,) = session.exec(select(model)).all()
            assert code not in row.model_dump_json()
            assert answer["refresh_token"] not in row.model_dump_json()


async def test_a_code_used_twice_ends_all_that_it_led_to(platform: Platform, redis_client: Redis) -> None:
    client = await code_client(platform)
    code = await client.get_code()
    answer = (await client.exchange(code)).json()
    refreshed = (await client.refresh(answer["refresh_token"])).json()
    assert error_of(await client.exchange(code)) == "invalid_grant"
    for token in (answer["access_token"], refreshed["access_token"], refreshed["refresh_token"]):
        assert not await client.is_active(token)
    assert error_of(await client.refresh(refreshed["refresh_token"])) == "invalid_grant"
    jtis = {str(claims_of(each["access_token"])["jti"]) for each in (answer, refreshed)}
    await eventually(lambda: set(redis_client.zrange(keys.REVOCATIONS_SET, 0, -1)) == jtis)


async def test_a_refresh_token_used_twice_ends_its_family(platform: Platform) -> None:
    client = await code_client(platform)
    first = (await client.exchange(await client.get_code())).json()
    second = (await client.refresh(first["refresh_token"])).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert error_of(await client.refresh(first["refresh_token"])) == "invalid_grant"
    for token in (first["access_token"], second["access_token"], second["refresh_token"]):
        assert not await client.is_active(token)


async def test_of_two_racing_refreshes_one_wins_at_most(platform: Platform) -> None:
    client = await code_client(platform)
    for _ in range(3):
        first = (await client.exchange(await client.get_code())).json()
        answers = await asyncio.gather(*(client.refresh(first["refresh_token"]) for _ in range(4)))
        assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]
        (winner,) = (answer.json() for answer in answers if answer.status_code == 200)
        assert not await client.is_active(winner["access_token"])  # nobody knows which of them was the thief


async def test_of_two_racing_exchanges_one_wins_at_most(platform: Platform) -> None:
    client = await code_client(platform)
    code = await client.get_code()
    answers = await asyncio.gather(*(client.exchange(code) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"redirect_uri": CALLBACK + "1"}, "invalid_grant"),
        ({"redirect_uri": None}, "invalid_grant"),
        ({"code_verifier": "x" * 43}, "invalid_grant"),
        ({"code_verifier": None}, "invalid_request"),
        ({"code_verifier": "short"}, "invalid_request"),
    ],
)
@on_sqlite
async def test_a_code_alone_is_worth_nothing(platform: Platform, change: dict[str, str | None], error: str) -> None:
    client = await code_client(platform)
    code = await client.get_code()
    assert error_of(await client.exchange(code, **change)) == error
    assert (await client.exchange(code)).status_code == 200


@on_sqlite
async def test_a_code_is_good_for_a_minute(platform: Platform) -> None:
    client = await code_client(platform)
    code = await client.get_code()
    platform.clock.move(seconds=61)
    assert error_of(await client.exchange(code)) == "invalid_grant"


@on_sqlite
async def test_codes_and_refresh_tokens_are_their_client_s_alone(platform: Platform) -> None:
    ours, theirs = await code_client(platform, "Ours"), await code_client(platform, "Theirs")
    theirs.verifier = ours.verifier
    code = await ours.get_code()
    assert error_of(await theirs.exchange(code)) == "invalid_grant"
    answer = (await ours.exchange(code)).json()
    assert error_of(await theirs.refresh(answer["refresh_token"])) == "invalid_grant"
    assert (await ours.refresh(answer["refresh_token"])).status_code == 200


@on_sqlite
async def test_a_refresh_may_ask_for_less_and_never_for_more(platform: Platform) -> None:
    client = await code_client(platform)
    answer = (await client.exchange(await client.get_code(scope="read write"))).json()
    less = (await client.refresh(answer["refresh_token"], scope="read")).json()
    assert less["scope"] == "read"
    assert error_of(await client.refresh(less["refresh_token"], scope="read admin")) == "invalid_scope"
    assert (await client.refresh(less["refresh_token"])).json()["scope"] == "read write"


@on_sqlite
async def test_a_refresh_gives_no_scope_that_was_taken_from_the_client(platform: Platform) -> None:
    client = await code_client(platform)
    answer = (await client.exchange(await client.get_code(scope="read write"))).json()
    await platform.client.put(
        client.key_path,
        json={
            "callback_urls": [CALLBACK],
            "grant_types": ["authorization_code", "refresh_token"],
            "scopes": ["read"],
        },
    )
    assert (await client.refresh(answer["refresh_token"])).json()["scope"] == "read"


@on_sqlite
async def test_only_who_may_refresh_gets_a_refresh_token(platform: Platform) -> None:
    client = await code_client(platform, grant_types=["authorization_code"])
    assert "refresh_token" not in (await client.exchange(await client.get_code())).json()
    assert error_of(await client.refresh("x")) == "unauthorized_client"
    assert error_of(await client.ask(grant_type="client_credentials")) == "unauthorized_client"


@on_sqlite
async def test_revoking_a_refresh_token_ends_its_access_tokens(platform: Platform) -> None:
    client = await code_client(platform)
    answer = (await client.exchange(await client.get_code())).json()
    assert (await client.post("/oauth2/revoke", token=answer["refresh_token"])).status_code == 200
    assert not await client.is_active(answer["access_token"])
    assert error_of(await client.refresh(answer["refresh_token"])) == "invalid_grant"


@on_sqlite
async def test_grants_are_forgotten_when_all_of_them_has_expired(platform: Platform) -> None:
    client = await code_client(platform)
    await client.exchange(await client.get_code())
    grants: GrantService = platform.get(TokenServices).grants

    def left() -> list[int]:
        with platform.database.writing() as session:
            grants.sweep(session)
            return [
                len(session.exec(select(model)).all())
                for model in (OAuthGrant, AuthorizationCode, RefreshToken, IssuedToken)
            ]

    platform.clock.move(days=30)
    assert left() == [1, 1, 0, 1]
    platform.clock.move(days=1, hours=2)
    assert left() == [0, 0, 0, 0]


async def test_a_grant_that_ends_takes_along_what_its_expired_tokens_opened(
    platform: Platform, redis_client: Redis
) -> None:
    client = await code_client(platform)
    answer = (await client.exchange(await client.get_code())).json()
    platform.clock.move(days=2)
    with platform.database.writing() as session:
        platform.get(TokenServices).grants.sweep(session)
    assert (await client.post("/oauth2/revoke", token=answer["refresh_token"])).status_code == 200
    jti = str(claims_of(answer["access_token"])["jti"])
    await eventually(lambda: redis_client.zrange(keys.REVOCATIONS_SET, 0, -1) == [jti])


@on_sqlite
async def test_the_tokens_of_a_grant_that_is_refreshed_for_ever_are_forgotten(platform: Platform) -> None:
    client = await code_client(platform)
    token = (await client.exchange(await client.get_code())).json()["refresh_token"]
    for _ in range(5):
        platform.clock.move(days=20)
        token = (await client.refresh(token)).json()["refresh_token"]
    with platform.database.writing() as session:
        grants: GrantService = platform.get(TokenServices).grants
        while grants.sweep(session):
            pass
        assert len(session.exec(select(IssuedToken)).all()) == 2


async def test_a_deleted_key_takes_its_grants_along(platform: Platform) -> None:
    client = await code_client(platform)
    await client.exchange(await client.get_code())
    assert (await platform.client.delete(client.key_path)).status_code == 204
    with platform.database.reading() as session:
        assert not session.exec(select(OAuthGrant)).all()
        assert not session.exec(select(RefreshToken)).all()


@on_sqlite
async def test_keys_say_what_they_may_and_where_they_live(platform: Platform) -> None:
    application = await platform.make_application()
    path = f"/store/v1/applications/{application['id']}/keys"
    for body in (
        {"grant_types": ["authorization_code"]},
        {"grant_types": ["refresh_token"]},
        {"grant_types": ["password"]},
        {"callback_urls": ["https://a.example;x/"]},
        {"callback_urls": ["https://a@b.example/"]},
    ):
        problem(await platform.client.post(path, json={"key_type": "PRODUCTION", **body}), 422, "invalid")
