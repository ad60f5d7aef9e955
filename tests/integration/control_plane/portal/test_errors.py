"""Errors as people and as programs see them, and the headers of pages."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.integration.control_plane.platform import Platform, on_sqlite, problem
from tests.integration.control_plane.portal.test_sign_in_router import browse, sign_in

pytestmark = on_sqlite

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
async def browser(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    async with browse(platform) as client:
        yield client


async def test_a_browser_is_told_in_a_page(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/no/such/page", headers=BROWSER)
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert "There is no such resource" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    page = await browser.put("/store", headers=BROWSER)
    assert (page.status_code, page.headers["allow"]) == (405, "GET")
    page = await browser.get("/store", params={"limit": "many"}, headers=BROWSER)
    assert page.status_code == 422
    assert "<code>limit</code>" in page.text


async def test_programs_get_problem_documents(browser: httpx.AsyncClient) -> None:
    problem(await browser.get("/no/such/page"), 404, "not_found")
    problem(await browser.get("/publisher/v1/apis", headers=BROWSER), 401, "unauthorized")
    problem(await browser.get("/store/v1/apis/nothing", headers=BROWSER), 404, "not_found")


async def test_a_page_holds_browsers_to_our_own_files(browser: httpx.AsyncClient, platform: Platform) -> None:
    api = await platform.publish_api()
    await sign_in(browser)
    page = await browser.get(f"/store/apis/{api['id']}/try")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "connect-src 'self' ws://localhost:9099;" in policy
    assert "unsafe" not in policy
    assert page.headers["cache-control"] == "no-store"
    assert not re.search(r"<script(?![^>]* src=)| style=| on\w+=", page.text)
    assert not re.search(r'(src|href)="(https?:)?//', page.text)


async def test_files_are_kept_for_ever(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/store")
    for path in re.findall(r'"(/static/[^"]+)"', page.text):
        file = await browser.get(path)
        assert file.status_code == 200
        assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert file.headers["content-encoding"] == "gzip"
        plain = await browser.get(path, headers={"Accept-Encoding": "identity"})
        assert plain.content == file.content
    problem(await browser.get("/static/console.css"), 404, "not_found")
