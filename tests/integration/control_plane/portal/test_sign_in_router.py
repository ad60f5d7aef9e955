"""Where people sign in and out, and choose passwords."""

import re
from collections.abc import AsyncIterator
from typing import Final

import httpx
import pytest
from sqlmodel import col, select

from services.control_plane.identity.models import Account, BrowserSession
from services.control_plane.kit.audit import AuditEntry
from services.control_plane.portal.sign_in_router import own_path
from tests.integration.control_plane.oauth.browser import PERSON, answer_of, code_client, post
from tests.integration.control_plane.platform import CLIENT_ID, CLIENT_SECRET, Platform, Start, on_sqlite, problem

COOKIE: Final = "framegate_session"
NEW: Final = "quite another password"
USERS: Final = "/admin/v1/users"


@pytest.fixture
async def browser(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    async with browse(platform) as client:
        yield client


def browse(platform: Platform, address: str = "127.0.0.1") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(platform.app, raise_app_exceptions=False, client=(address, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://control-plane")


def hidden_in(page: httpx.Response) -> dict[str, str]:
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]+)"', page.text))


async def submit(browser: httpx.AsyncClient, path: str, page: httpx.Response, **form: str) -> httpx.Response:
    return await browser.post(path, data={**hidden_in(page), **form})


async def sign_in(browser: httpx.AsyncClient, *, to: str = "/account", **form: str) -> httpx.Response:
    page = await browser.get("/sign-in", params={"next": to})
    return await submit(browser, "/sign-in", page, **{**PERSON, **form})


def trail(platform: Platform) -> list[tuple[str, str, str]]:
    """Return the audit's rows about signing in."""
    with platform.database.reading() as session:
        rows = session.exec(select(AuditEntry).order_by(col(AuditEntry.id))).all()
        names = {account.id: account.name for account in session.exec(select(Account))}
    about = [row for row in rows if row.action.startswith(("sign_", "consent", "user.change"))]
    return [(row.action, names.get(row.actor, row.actor), names.get(row.target_id, row.target_id)) for row in about]


async def test_a_person_signs_in_and_out(browser: httpx.AsyncClient, platform: Platform) -> None:
    assert (await browser.get("/account")).headers["location"] == "/sign-in?next=/account"
    signed_in = await sign_in(browser, to="/account?x=1")
    assert signed_in.status_code == 303
    assert signed_in.headers["location"] == "/account?x=1"
    cookie = next(value for value in signed_in.headers.get_list("set-cookie") if value.startswith(COOKIE))
    assert all(part in cookie for part in ("HttpOnly", "SameSite=lax", "Path=/"))
    with platform.database.reading() as session:
        assert browser.cookies[COOKIE] not in session.exec(select(BrowserSession.token_hash)).all()
    account = await browser.get("/account")
    assert "admin" in account.text
    token = browser.cookies[COOKIE]
    await submit(browser, "/sign-out", account)
    assert COOKIE not in browser.cookies
    browser.cookies.set(COOKIE, token)
    assert (await browser.get("/account")).status_code == 303
    assert trail(platform) == [("sign_in", "admin", "admin"), ("sign_out", "admin", "admin")]


@on_sqlite
async def test_the_cookie_is_this_host_s_alone_where_there_is_tls(started: Start) -> None:
    async with started(public_url="https://cp.example.com") as platform, browse(platform) as browser:
        browser.base_url = httpx.URL("https://cp.example.com")
        cookies = (await sign_in(browser)).headers.get_list("set-cookie")
    (cookie,) = (value for value in cookies if "session" in value)
    assert cookie.startswith("__Host-framegate_session=")
    assert "; Secure" in cookie
    assert "Domain" not in cookie


async def test_a_session_ends_when_it_is_idle(browser: httpx.AsyncClient, platform: Platform) -> None:
    await sign_in(browser)
    for _ in range(3):
        platform.clock.move(minutes=20)
        assert (await browser.get("/account")).status_code == 200
    platform.clock.move(minutes=31)
    assert (await browser.get("/account")).status_code == 303


@on_sqlite
async def test_a_session_ends_at_its_age_though_it_is_used(browser: httpx.AsyncClient, platform: Platform) -> None:
    await sign_in(browser)
    answers = []
    for _ in range(25):
        platform.clock.move(minutes=29)
        answers.append((await browser.get("/account")).status_code)
    assert answers == [200] * 24 + [303]


@on_sqlite
async def test_each_sign_in_has_a_session_of_its_own(browser: httpx.AsyncClient, platform: Platform) -> None:
    browser.cookies.set(COOKIE, "chosen by somebody else", domain="control-plane.local")
    await sign_in(browser)
    first = browser.cookies[COOKIE]
    await sign_in(browser)
    assert browser.cookies[COOKIE] != first
    with platform.database.reading() as session:
        assert len(session.exec(select(BrowserSession)).all()) == 1


async def test_a_new_password_ends_all_other_sessions(browser: httpx.AsyncClient, platform: Platform) -> None:
    async with browse(platform) as other:
        for each in (browser, other):
            await sign_in(each)
        page = await browser.get("/account")
        for wrong in ({"password": "wrong"}, {"new_password": "short"}, {"new_password": PERSON["password"]}):
            form = {"password": PERSON["password"], "new_password": NEW, **wrong}
            assert (await submit(browser, "/account/password", page, **form)).status_code == 403
        form = {"password": PERSON["password"], "new_password": NEW}
        assert (await submit(browser, "/account/password", page, **form)).status_code == 303
        assert (await browser.get("/account")).status_code == 200
        assert (await other.get("/account")).status_code == 303
        assert (await sign_in(other)).status_code == 403
        assert (await sign_in(other, password=NEW)).status_code == 303
    assert ("user.change_password", "admin", "admin") in trail(platform)


async def test_a_one_time_password_is_good_for_a_new_one_alone(browser: httpx.AsyncClient, platform: Platform) -> None:
    user = await platform.made(USERS, {"name": "maria"})
    maria = {"username": "maria", "password": user["one_time_password"]}
    page = await sign_in(browser, **maria)
    assert "Choose a new password" in page.text
    assert COOKIE not in browser.cookies
    again = await submit(browser, "/sign-in/password", page, new_password=user["one_time_password"])
    assert again.status_code == 403
    chosen = await submit(browser, "/sign-in/password", page, new_password=NEW)
    assert chosen.headers["location"] == "/account"
    assert "maria" in (await browser.get("/account")).text
    assert (await submit(browser, "/sign-in/password", page, new_password=NEW + "!")).status_code == 400
    client = await code_client(platform)
    refused = await client.decide(await client.page(), **maria)
    assert refused.status_code == 403
    assert answer_of(await client.decide(await client.page(), username="maria", password=NEW))["code"]


@on_sqlite
async def test_a_one_time_password_does_not_consent(platform: Platform) -> None:
    user = await platform.made(USERS, {"name": "maria"})
    client = await code_client(platform)
    refused = await client.decide(await client.page(), username="maria", password=user["one_time_password"])
    assert refused.status_code == 403
    assert "choose a new one" in refused.text


@pytest.mark.parametrize("change", ["disable", "delete", "reset"])
async def test_what_an_administrator_does_ends_sessions(
    browser: httpx.AsyncClient, platform: Platform, change: str
) -> None:
    user = await platform.made(USERS, {"name": "maria", "password": NEW})
    await sign_in(browser, username="maria", password=NEW)
    path = f"{USERS}/{user['id']}"
    await {
        "disable": lambda: platform.client.patch(path, json={"disabled": True}),
        "delete": lambda: platform.client.delete(path),
        "reset": lambda: platform.client.post(f"{path}/reset-password"),
    }[change]()
    assert (await browser.get("/account")).status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example.com"},
        {"Origin": "null"},
    ],
)
@on_sqlite
async def test_a_form_of_another_site_is_refused(
    browser: httpx.AsyncClient, platform: Platform, headers: dict[str, str]
) -> None:
    page = await browser.get("/sign-in")
    answer = await browser.post("/sign-in", data={**hidden_in(page), **PERSON}, headers=headers)
    problem(answer, 403, "forbidden")
    own = {"Sec-Fetch-Site": "same-origin", "Origin": "http://control-plane"}
    assert (await browser.post("/sign-in", data={**hidden_in(page), **PERSON}, headers=own)).status_code == 303


@on_sqlite
async def test_a_form_has_the_token_of_its_session(browser: httpx.AsyncClient, platform: Platform) -> None:
    await sign_in(browser)
    page = await browser.get("/account")
    await sign_in(browser)
    for form in ({}, {"form_token": "x"}, hidden_in(page)):
        problem(await browser.post("/sign-out", data=form), 403, "forbidden")
        problem(await browser.post("/account/password", data={**form, "new_password": NEW}), 403, "forbidden")
    assert (await browser.get("/account")).status_code == 200


@on_sqlite
async def test_a_page_is_of_its_browser_and_for_its_purpose(browser: httpx.AsyncClient, platform: Platform) -> None:
    page = await browser.get("/sign-in")
    async with browse(platform) as other:
        assert (await submit(other, "/sign-in", page, **PERSON)).status_code == 400
    assert (await submit(browser, "/sign-in/password", page, new_password=NEW)).status_code == 400
    platform.clock.move(minutes=11)
    assert (await submit(browser, "/sign-in", page, **PERSON)).status_code == 400


async def test_who_is_signed_in_only_decides(platform: Platform) -> None:
    client = await code_client(platform)
    first = answer_of(await client.decide(await client.page()))
    assert first["code"]
    page = await client.page()
    assert "You are signed in as <strong>admin</strong>" in page.text
    assert "password" not in page.text
    assert answer_of(await client.decide(page, username="", password=""))["code"]
    assert trail(platform) == [
        ("sign_in", "admin", "admin"),
        ("consent.allow", "admin", client.id),
        ("consent.allow", "admin", client.id),
    ]


@on_sqlite
async def test_a_cookie_is_no_credential_for_the_rest_api(browser: httpx.AsyncClient) -> None:
    await sign_in(browser)
    problem(await browser.get(USERS), 401, "unauthorized")


async def test_who_fails_is_written_down(browser: httpx.AsyncClient, platform: Platform) -> None:
    await sign_in(browser, password="wrong")
    await sign_in(browser, username="nobody\n" + "x" * 200)
    assert trail(platform) == [
        ("sign_in.fail", "anonymous", "admin"),
        ("sign_in.fail", "anonymous", "nobody" + "x" * 94),
    ]


@on_sqlite
async def test_nobody_can_lock_out_somebody_else(browser: httpx.AsyncClient, platform: Platform) -> None:
    async with browse(platform, "203.0.113.7") as attacker:
        answers = [await sign_in(attacker, password="wrong") for _ in range(6)]
        assert "Too many failed attempts." in answers[-1].text
        assert "Too many failed attempts." in (await sign_in(attacker)).text
    assert (await sign_in(browser)).status_code == 303


@on_sqlite
async def test_an_address_that_tries_many_names_waits(platform: Platform) -> None:
    user = await platform.made(USERS, {"name": "maria", "password": NEW})
    async with browse(platform, "203.0.113.7") as attacker:
        page = await attacker.get("/sign-in")
        for number in range(50):
            guess = {"username": f"{user['name']}{number}", "password": "guess"}
            await submit(attacker, "/sign-in", page, **guess)
        assert "Too many failed attempts." in (await sign_in(attacker, username="maria", password=NEW)).text
        platform.clock.move(minutes=2)
        assert (await sign_in(attacker, username="maria", password=NEW)).status_code == 303


@on_sqlite
async def test_nobody_signs_up_unless_it_is_allowed(browser: httpx.AsyncClient) -> None:
    problem(await browser.get("/sign-up"), 404, "not_found")
    problem(await browser.post("/sign-up"), 404, "not_found")


async def test_people_sign_up_as_subscribers(started: Start) -> None:
    async with started(self_registration=True) as platform, browse(platform) as browser:
        page = await browser.get("/sign-up")
        for form in ({"username": "admin", "new_password": NEW}, {"username": "maria", "new_password": "short"}):
            assert (await submit(browser, "/sign-up", page, **form)).status_code == 403
        assert (await submit(browser, "/sign-up", page, username="maria", new_password=NEW)).status_code == 303
        assert "maria" in (await browser.get("/account")).text
        await platform.sign_in(CLIENT_ID, CLIENT_SECRET)
        (user,) = (await platform.read(USERS, q="maria"))["items"]
        assert user["roles"] == ["subscriber"]
        assert ("sign_up", "maria", "maria") in trail(platform)
        page = await browser.get("/sign-up")
        for number in range(2):
            name = f"maria{number}"
            assert (await submit(browser, "/sign-up", page, username=name, new_password=NEW)).status_code == 303
        last = await submit(browser, "/sign-up", page, username="maria2", new_password=NEW)
        assert "Too many accounts" in last.text


@pytest.mark.parametrize(
    ("path", "safe"),
    [
        ("/account?x=1", "/account?x=1"),
        ("//evil.example.com", "/account"),
        ("/\\evil.example.com", "/account"),
        ("https://evil.example.com", "/account"),
        ("/x\r\nSet-Cookie: a", "/account"),
        ("", "/account"),
    ],
)
def test_signing_in_leads_nowhere_else(path: str, safe: str) -> None:
    assert own_path(path) == safe


@on_sqlite
async def test_a_consent_form_of_another_site_is_refused(platform: Platform) -> None:
    client = await code_client(platform)
    await client.decide(await client.page())
    platform.client.headers["Sec-Fetch-Site"] = "cross-site"
    answer = await post(platform, "/oauth2/authorize", **hidden_in(await client.page()), decision="allow")
    problem(answer, 403, "forbidden")
