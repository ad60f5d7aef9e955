"""Where people sign in and decide."""

import httpx
import pytest

from services.control_plane.identity.scopes import ALL_SCOPES, BUILTIN_ROLES
from services.control_plane.identity.service import CLI_CLIENT_ID
from tests.integration.control_plane.oauth.browser import (
    AUTHORIZE,
    CALLBACK,
    PERSON,
    CodeClient,
    answer_of,
    code_client,
    post,
    sealed_in,
)
from tests.integration.control_plane.platform import CLIENT_ID, CLIENT_SECRET, Platform, Start, on_sqlite


@pytest.fixture
async def client(platform: Platform) -> CodeClient:
    return await code_client(platform)


async def post_sealed(platform: Platform, sealed: str) -> httpx.Response:
    return await post(platform, AUTHORIZE, request=sealed, decision="allow", **PERSON)


@on_sqlite
async def test_the_page_says_who_asks_for_what(client: CodeClient) -> None:
    page = await client.page()
    assert page.status_code == 200
    for part in (client.id, "read", "write", "https://app.example.com"):
        assert part in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' https://app.example.com;" in policy
    assert "script" not in page.text + policy
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "same-origin"
    cookie = page.headers["set-cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=strict", "Path=/oauth2/authorize"))


@on_sqlite
async def test_the_page_shows_what_a_person_can_give(platform: Platform) -> None:
    password = "a password that will do"
    await platform.made("/admin/v1/users", {"name": "maria", "password": password, "roles": ["creator"]})
    command = CodeClient(platform, CLI_CLIENT_ID, "", "")
    place = "http://127.0.0.1:23456/callback"
    page = await command.page(redirect_uri=place)
    assert "what you may do of this" in page.text
    assert all(scope in page.text for scope in ALL_SCOPES)
    await command.decide(page, username="maria", password=password)
    page = await command.page(redirect_uri=place)
    assert "You are signed in as <strong>maria</strong>" in page.text
    assert {scope for scope in ALL_SCOPES if scope in page.text} == set(BUILTIN_ROLES["creator"])


@on_sqlite
async def test_cookies_are_for_tls_where_there_is_any(started: Start) -> None:
    async with started(public_url="https://cp.example.com") as platform:
        await platform.sign_in(CLIENT_ID, CLIENT_SECRET)
        page = await (await code_client(platform)).page()
    assert "; Secure" in page.headers["set-cookie"]


@pytest.mark.parametrize(
    "change",
    [
        {"redirect_uri": "https://evil.example.com/"},
        {"redirect_uri": CALLBACK + "&y=2"},
        {"redirect_uri": "https://app.example.com/back"},
        {"redirect_uri": None},
        {"client_id": "nobody"},
        {"client_id": "\0"},
        {"client_id": None},
    ],
)
@on_sqlite
async def test_without_a_client_s_own_address_nobody_is_sent_anywhere(
    client: CodeClient, change: dict[str, str | None]
) -> None:
    response = await client.page(**change)
    assert response.status_code == 400
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "location" not in response.headers
    assert "form-action 'none'" in response.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"scope": "read other"}, "invalid_scope"),
        ({"resource": "https://other.example.com"}, "invalid_target"),
        ({"response_type": "token"}, "unsupported_response_type"),
    ],
)
@on_sqlite
async def test_the_client_is_told_of_its_errors(client: CodeClient, change: dict[str, str | None], error: str) -> None:
    assert answer_of(await client.page(**change))["error"] == error


@on_sqlite
async def test_a_repeated_parameter_is_refused(client: CodeClient, platform: Platform) -> None:
    query = "&".join(f"{name}={value}" for name, value in [*client.request.items(), ("state", "x")] if name != "state")
    response = await platform.client.get(f"/oauth2/authorize?{query}&state=1&state=2".replace(" ", "+"))
    assert response.status_code == 400


@on_sqlite
async def test_a_client_without_the_grant_type_is_not_authorised(platform: Platform) -> None:
    client = await code_client(platform, grant_types=["client_credentials"])
    assert answer_of(await client.page())["error"] == "unauthorized_client"


@on_sqlite
async def test_a_person_may_deny(client: CodeClient) -> None:
    answer = answer_of(await client.decide(await client.page(), decision="deny", password=""))
    assert answer["error"] == "access_denied"
    assert "code" not in answer


@pytest.mark.parametrize("form", [{"password": "wrong"}, {"username": "nobody"}, {"username": "\0"}, {"username": ""}])
@on_sqlite
async def test_who_does_not_sign_in_is_asked_again(client: CodeClient, form: dict[str, str]) -> None:
    again = await client.decide(await client.page(), **form)
    assert again.status_code == 403
    assert "Name or password is wrong." in again.text
    assert answer_of(await client.decide(again))["code"]


@on_sqlite
async def test_a_service_account_s_name_and_secret_do_not_sign_in(client: CodeClient) -> None:
    again = await client.decide(await client.page(), username=CLIENT_ID, password=CLIENT_SECRET)
    assert again.status_code == 403


@on_sqlite
async def test_a_decision_comes_from_the_browser_that_was_asked(client: CodeClient, platform: Platform) -> None:
    page = await client.page()
    platform.client.cookies.clear()
    assert (await client.decide(page)).status_code == 400
    other = await client.page()  # another browser, with a cookie of its own
    assert (await client.decide(page)).status_code == 400
    assert (await post_sealed(platform, "x")).status_code == 400
    sealed = sealed_in(other)
    assert (await post_sealed(platform, sealed[:-4] + "AAAA")).status_code == 400
    assert answer_of(await client.decide(other))["code"]


@on_sqlite
async def test_a_page_is_good_for_ten_minutes(client: CodeClient, platform: Platform) -> None:
    page = await client.page()
    platform.clock.move(minutes=11)
    assert (await client.decide(page)).status_code == 400


@on_sqlite
async def test_what_the_client_lost_meanwhile_counts(client: CodeClient, platform: Platform) -> None:
    page = await client.page()
    assert (await platform.client.delete(client.key_path)).status_code == 204
    assert (await client.decide(page)).status_code == 400


@on_sqlite
async def test_nothing_of_a_request_becomes_markup(platform: Platform) -> None:
    client = await code_client(platform, scopes=["<script>"])
    page = await client.page(state='"><script>')
    assert "<script>" not in page.text
    assert "&lt;script&gt;" in page.text


@on_sqlite
async def test_who_guesses_passwords_waits(client: CodeClient, platform: Platform) -> None:
    page = await client.page()
    for _ in range(5):
        page = await client.decide(page, password="wrong")
    page = await client.decide(page)
    assert "Too many failed attempts." in page.text
    platform.clock.move(seconds=61)
    assert answer_of(await client.decide(page))["code"]
