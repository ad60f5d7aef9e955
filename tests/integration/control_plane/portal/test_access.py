"""Who may see which page, and whose forms are taken."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi.routing import APIRoute

from services.control_plane.portal import routers
from services.control_plane.portal.forms import FORM_TOKEN
from tests.integration.control_plane.platform import Platform, on_sqlite
from tests.integration.control_plane.portal.test_sign_in_router import browse, hidden_in, sign_in

pytestmark = on_sqlite

OPEN_TO_ALL = {
    "/",
    "/static/{name}",
    "/store",
    "/store/apis/{api_id}",
    "/store/apis/{api_id}/asyncapi",
    "/store/apis/{api_id}/thumbnail",
    "/store/apis/{api_id}/documents/{document_id}",
    "/store/apis/{api_id}/documents/{document_id}/file",
    "/store/apis/{api_id}/asyncapi.{form}",
}
BEFORE_SIGN_IN = ("/sign-", "/oauth2/", "/account", "/device")
VALUES = {"step": "design", "form": "json", "key_type": "PRODUCTION", "level": "api"}


def routes(method: str) -> list[str]:
    """Return the paths of all pages, with something in the place of their parameters."""
    found = [
        route
        for router in routers.ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and method in (route.methods or ()) and not route.path.startswith(BEFORE_SIGN_IN)
    ]
    paths = [route.path for route in found if route.path not in OPEN_TO_ALL]
    return [re.sub(r"{(\w+)}", lambda part: VALUES.get(part[1], "x"), path) for path in paths]


@pytest.fixture
async def browser(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    async with browse(platform) as client:
        yield client


async def test_nobody_sees_a_page_or_sends_a_form_without_signing_in(browser: httpx.AsyncClient) -> None:
    assert len(routes("GET")) > 20
    for path in routes("GET"):
        answer = await browser.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?next={path}"), path
    assert len(routes("POST")) > 25
    for path in routes("POST"):
        assert (await browser.post(path, data={"name": "x"})).status_code == 303, path


async def test_a_form_without_the_session_s_token_is_refused(browser: httpx.AsyncClient) -> None:
    await sign_in(browser)
    for path in routes("POST"):
        for form in ({}, {FORM_TOKEN: "wrong"}):
            answer = await browser.post(path, data=form)
            assert answer.status_code == 403, path
            assert "not of this session" in answer.json()["detail"], path


async def test_a_form_of_another_site_is_refused(browser: httpx.AsyncClient) -> None:
    await sign_in(browser)
    form = hidden_in(await browser.get("/applications/new"))
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example.com"}):
        answer = await browser.post("/applications/new", data={**form, "name": "x"}, headers=headers)
        assert answer.status_code == 403


async def test_a_page_needs_its_scope(browser: httpx.AsyncClient, platform: Platform) -> None:
    body = {"name": "maria", "password": "quite another password", "roles": []}
    await platform.made("/admin/v1/users", body)
    await sign_in(browser, username="maria", password=str(body["password"]))
    for path in routes("GET"):
        answer = await browser.get(path, params={"application": "x"})
        assert answer.status_code == 403, path
        assert "Ask an administrator" in answer.json()["detail"], path
    store = await browser.get("/store", headers={"Accept": "text/html"})
    assert store.status_code == 200
    assert "/admin" not in store.text


async def test_the_store_is_open_to_all_and_shows_only_public_apis(
    browser: httpx.AsyncClient, platform: Platform
) -> None:
    public = await platform.publish_api()
    hidden = await platform.publish_api(name="Hidden", context="/hidden", visibility="restricted", roles=["creator"])
    page = await browser.get("/store")
    assert "EchoWebSocket" in page.text
    assert "Hidden" not in page.text
    assert (await browser.get(f"/store/apis/{public['id']}")).status_code == 200
    assert (await browser.get(f"/store/apis/{hidden['id']}")).status_code == 404


async def test_what_is_somebody_else_s_is_not_found(browser: httpx.AsyncClient, platform: Platform) -> None:
    application = await platform.make_application("Theirs")
    await sign_in(browser)
    path = f"/applications/{application['id']}"
    form = hidden_in(await browser.get("/applications/new"))
    assert (await browser.get(path)).status_code == 404
    for action in ("", "/delete", "/keys", "/keys/PRODUCTION/token"):
        assert (await browser.post(path + action, data={**form, "key_type": "PRODUCTION"})).status_code == 404, action


async def test_after_signing_in_one_is_where_one_wanted_to_go(browser: httpx.AsyncClient) -> None:
    assert (await browser.get("/")).headers["location"] == "/sign-in?next=/"
    await sign_in(browser, to="/admin/audit?q=sign")
    assert (await browser.get("/")).headers["location"] == "/publisher"
