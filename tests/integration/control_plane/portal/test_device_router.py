"""Devices without a browser, and the page where people enter what these show (RFC 8628)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
import pytest
from sqlmodel import select

from services.control_plane.identity.service import CLI_CLIENT_ID
from services.control_plane.oauth.devices import VALIDITY
from services.control_plane.oauth.models import DeviceCode, OAuthGrant
from services.control_plane.oauth.service import DEVICE_CODE
from tests.integration.control_plane.identity.test_account_router import ME, PASSWORD, speak
from tests.integration.control_plane.oauth.browser import TOKEN, post
from tests.integration.control_plane.oauth.test_dpop import KEY, OTHER, bound_to, prove
from tests.integration.control_plane.platform import Platform, on_sqlite, problem
from tests.integration.control_plane.portal.test_sign_in_router import USERS, browse, sign_in, submit, trail

DEVICE: Final = "/oauth2/device_authorization"
PAGE: Final = "/device"


@pytest.fixture
async def maria(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    """Return the browser of somebody who is signed in."""
    await platform.made(USERS, {"name": "maria", "password": PASSWORD, "roles": ["creator"]})
    async with browse(platform) as browser:
        await sign_in(browser, username="maria", password=PASSWORD)
        yield browser


async def begin(platform: Platform, **form: str) -> dict[str, Any]:
    answer = await post(platform, DEVICE, client_id=CLI_CLIENT_ID, **form)
    assert answer.status_code == 200, answer.text
    codes: dict[str, Any] = answer.json()
    return codes


async def poll(platform: Platform, codes: dict[str, Any], *proofs: str, **form: str) -> httpx.Response:
    asked = {"grant_type": DEVICE_CODE, "client_id": CLI_CLIENT_ID, "device_code": codes["device_code"]}
    return await post(platform, TOKEN, *proofs, **{**asked, **form})


async def error_of(platform: Platform, codes: dict[str, Any]) -> str:
    answer = await poll(platform, codes)
    assert answer.status_code == 400, answer.text
    return str(answer.json()["error"])


async def enter(browser: httpx.AsyncClient, user_code: str) -> httpx.Response:
    return await submit(browser, PAGE, await browser.get(PAGE), user_code=user_code)


async def decide(browser: httpx.AsyncClient, codes: dict[str, Any], decision: str = "allow") -> httpx.Response:
    page = await enter(browser, codes["user_code"])
    assert page.status_code == 200, page.text
    return await submit(browser, PAGE, page, decision=decision)


async def test_a_device_gets_tokens_when_somebody_allows_it(maria: httpx.AsyncClient, platform: Platform) -> None:
    codes = await begin(platform)
    assert codes["verification_uri"] == "http://localhost:8000/device"
    assert codes["verification_uri_complete"] == f"http://localhost:8000/device?user_code={codes['user_code']}"
    assert (codes["expires_in"], codes["interval"]) == (600, 5)
    with platform.database.reading() as session:
        (row,) = session.exec(select(DeviceCode)).all()
    assert not {row.code_hash, row.user_code_hash} & {codes["device_code"], codes["user_code"]}
    assert await error_of(platform, codes) == "authorization_pending"
    page = await enter(maria, codes["user_code"].lower().replace("-", " "))
    for part in ("publisher:read", "publisher:write", CLI_CLIENT_ID, "maria", "Deny it unless you began this yourself"):
        assert part in page.text
    assert "store:subscribe" not in page.text
    assert "Allowed" in (await submit(maria, PAGE, page, decision="allow")).text
    answers = await asyncio.gather(*(poll(platform, codes) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400]
    tokens = next(answer.json() for answer in answers if answer.is_success)
    assert tokens["scope"] == "publisher:read publisher:write"
    async with speak(platform, tokens["access_token"]) as client:
        assert (await client.get(ME)).json()["name"] == "maria"
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": CLI_CLIENT_ID}
    assert (await post(platform, TOKEN, **form)).status_code == 200
    assert await error_of(platform, codes) == "invalid_grant"
    assert trail(platform)[-1] == ("consent.allow", "maria", CLI_CLIENT_ID)


async def test_a_person_may_deny(maria: httpx.AsyncClient, platform: Platform) -> None:
    codes = await begin(platform)
    assert "Denied" in (await decide(maria, codes, "deny")).text
    assert await error_of(platform, codes) == "access_denied"
    assert (await enter(maria, codes["user_code"])).status_code == 403


async def test_who_polls_too_often_must_leave_more_time(platform: Platform) -> None:
    codes = await begin(platform)
    assert await error_of(platform, codes) == "authorization_pending"
    assert await error_of(platform, codes) == "slow_down"
    platform.clock.move(seconds=6)
    assert await error_of(platform, codes) == "slow_down"
    platform.clock.move(seconds=15)
    assert await error_of(platform, codes) == "authorization_pending"


@on_sqlite
async def test_codes_are_good_for_ten_minutes(maria: httpx.AsyncClient, platform: Platform) -> None:
    codes = await begin(platform)
    page = await enter(maria, codes["user_code"])
    platform.clock.move(seconds=VALIDITY.total_seconds())
    assert (await submit(maria, PAGE, page, decision="allow")).status_code == 403
    assert await error_of(platform, codes) == "expired_token"


@on_sqlite
async def test_an_allowed_code_expires_as_well(maria: httpx.AsyncClient, platform: Platform) -> None:
    codes = await begin(platform)
    await decide(maria, codes)
    platform.clock.move(seconds=VALIDITY.total_seconds())
    assert await error_of(platform, codes) == "expired_token"


async def test_a_code_is_decided_once(maria: httpx.AsyncClient, platform: Platform) -> None:
    codes = await begin(platform)
    page = await enter(maria, codes["user_code"])
    assert (await submit(maria, PAGE, page, decision="allow")).status_code == 200
    assert (await submit(maria, PAGE, page, decision="deny")).status_code == 403
    assert (await poll(platform, codes)).status_code == 200


@pytest.mark.parametrize("change", ["disable", "reset", "delete"])
async def test_what_ends_sign_ins_ends_an_allowed_code(
    maria: httpx.AsyncClient, platform: Platform, change: str
) -> None:
    codes = await begin(platform)
    await decide(maria, codes)
    (user,) = (await platform.read(USERS, q="maria"))["items"]
    path = f"{USERS}/{user['id']}"
    await {
        "disable": lambda: platform.client.patch(path, json={"disabled": True}),
        "reset": lambda: platform.client.post(f"{path}/reset-password"),
        "delete": lambda: platform.client.delete(path),
    }[change]()
    assert await error_of(platform, codes) == "invalid_grant"


@on_sqlite
async def test_without_a_token_there_is_no_grant_and_the_code_stays(
    maria: httpx.AsyncClient, platform: Platform
) -> None:
    codes = await begin(platform)
    await decide(maria, codes)
    assert (await poll(platform, codes, "x")).json()["error"] == "invalid_dpop_proof"
    with platform.database.reading() as session:
        assert session.exec(select(OAuthGrant)).all() == []
    assert bound_to(await poll(platform, codes, prove(platform)))


@on_sqlite
async def test_scopes_that_are_asked_for(maria: httpx.AsyncClient, platform: Platform) -> None:
    codes = await begin(platform, scope="publisher:read admin")
    await decide(maria, codes)
    assert (await poll(platform, codes)).json()["scope"] == "publisher:read"
    wrong = await post(platform, DEVICE, client_id=CLI_CLIENT_ID, scope="everything")
    assert wrong.json()["error"] == "invalid_scope"


@on_sqlite
async def test_only_the_command_may_ask_for_codes(platform: Platform) -> None:
    application = await platform.make_application()
    path = f"/store/v1/applications/{application['id']}/keys"
    key = await platform.made(path, {"key_type": "PRODUCTION"})
    form = {"client_id": key["consumer_key"], "client_secret": key["consumer_secret"]}
    assert (await post(platform, DEVICE, **form)).json()["error"] == "unauthorized_client"
    assert (await post(platform, DEVICE, client_id="nobody")).status_code == 401
    codes = await begin(platform)
    answer = await poll(platform, codes, **form)
    assert answer.json()["error"] == "unauthorized_client"


@on_sqlite
async def test_one_address_asks_for_only_so_many(platform: Platform) -> None:
    for _ in range(20):
        await begin(platform)
    refused = await post(platform, DEVICE, client_id=CLI_CLIENT_ID)
    assert (refused.status_code, int(refused.headers["retry-after"])) == (429, 1)
    platform.clock.move(minutes=1)
    await begin(platform)


@on_sqlite
async def test_who_guesses_codes_waits(maria: httpx.AsyncClient, platform: Platform) -> None:
    codes = await begin(platform)
    for _ in range(5):
        assert "There is no such code" in (await enter(maria, "BCDF-GHJK")).text
    assert "Too many wrong codes" in (await enter(maria, codes["user_code"])).text
    platform.clock.move(minutes=1)
    assert (await enter(maria, codes["user_code"])).status_code == 200


@on_sqlite
async def test_a_decision_comes_from_a_person_s_own_page(maria: httpx.AsyncClient, platform: Platform) -> None:
    codes = await begin(platform)
    form = {"user_code": codes["user_code"], "decision": "allow"}
    problem(await maria.post(PAGE, data=form), 403, "forbidden")
    page = await enter(maria, codes["user_code"])
    elsewhere = {"Origin": "https://evil.example.com"}
    maria.headers.update(elsewhere)
    problem(await submit(maria, PAGE, page, decision="allow"), 403, "forbidden")
    async with browse(platform) as stranger:
        assert (await stranger.post(PAGE, data=form)).status_code == 303
    assert await error_of(platform, codes) == "authorization_pending"


@on_sqlite
async def test_who_is_not_signed_in_signs_in_first(maria: httpx.AsyncClient, platform: Platform) -> None:
    async with browse(platform) as browser:
        for place, after in ((PAGE, PAGE), (f"{PAGE}?user_code=BCDF-GHJK", f"{PAGE}?user_code=BCDF-GHJK")):
            sent = await browser.get(place)
            page = await browser.get(sent.headers["location"])
            signed_in = await submit(browser, "/sign-in", page, username="maria", password=PASSWORD)
            assert signed_in.headers["location"] == after
            await submit(browser, "/sign-out", await browser.get("/account"))
    assert 'value="BCDF-GHJK"' in (await maria.get(PAGE, params={"user_code": "BCDF-GHJK"})).text
    assert "<script>" not in (await maria.get(PAGE, params={"user_code": '"><script>'})).text


@on_sqlite
async def test_what_refreshes_a_bound_token_of_a_program_is_bound_too(
    platform: Platform, maria: httpx.AsyncClient
) -> None:
    codes = await begin(platform)
    await decide(maria, codes)
    answer = await poll(platform, codes, prove(platform))
    refresh = {"grant_type": "refresh_token", "client_id": CLI_CLIENT_ID}
    refresh["refresh_token"] = answer.json()["refresh_token"]
    for proofs in ((), (prove(platform, key=OTHER),)):
        refused = await post(platform, TOKEN, *proofs, **refresh)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant"), "stolen, it is worth nothing"
    answer = await post(platform, TOKEN, prove(platform), **refresh)
    assert bound_to(answer) == {"jkt": KEY.thumbprint()}
    refresh["refresh_token"] = answer.json()["refresh_token"]
    assert (await post(platform, TOKEN, **refresh)).json()["error"] == "invalid_grant"
