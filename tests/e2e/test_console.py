"""The console, by clicks in a real browser, on real processes."""

import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from cli.embedded import redis_server
from cli.stack import Stack
from tests.support.browser import chromium, find_barriers
from tests.support.waiting import free_port, wait_until

pytestmark = pytest.mark.timeout(180)

MAX_PAGE_BYTES: Final = 200_000
PASSWORD: Final = "a password of the tests"

expect.set_options(timeout=15_000)


@dataclass(frozen=True, slots=True)
class Site:
    """A running installation as a person sees it."""

    url: str
    gateway: str
    backend: str


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("console")
    control_plane, pod, ops, echo = (free_port() for _ in range(4))
    site = Site(f"http://localhost:{control_plane}", f"ws://localhost:{pod}", f"ws://127.0.0.1:{echo}")
    with redis_server() as redis_url, Stack(folder) as stack:
        environment = {
            **os.environ,  # noqa: TID251 - handed on to the processes
            "FRAMEGATE_DATABASE_URL": f"sqlite:///{folder}/framegate.db",
            "FRAMEGATE_REDIS_URL": redis_url,
            "FRAMEGATE_SECRET_KEY": secrets.token_urlsafe(32),
            "FRAMEGATE_ADMIN_PASSWORD": PASSWORD,
            "FRAMEGATE_PUBLIC_URL": site.url,
            "FRAMEGATE_GATEWAY_URL": site.gateway,
            "FRAMEGATE_ENDPOINT_ALLOW": "127.0.0.0/8",
            "FRAMEGATE_DRAIN_SECONDS": "0.5",
        }
        stack.start("echo", "cli.echo", "--port", str(echo), env=environment)
        stack.start("control plane", "cli.main", "control-plane", "--port", str(control_plane), env=environment)
        ports = ["--port", str(pod), "--ops-port", str(ops), "--workers", "1"]
        stack.start("pod", "cli.main", "data-plane", "--host", "127.0.0.1", *ports, env=environment)
        for port in (control_plane, ops):
            stack.wait_for(f"port {port}", partial(is_ready, port))
        yield site


def is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2, trust_env=False).is_success
    except httpx.HTTPError:
        return False


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def context(browser: Browser, site: Site) -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=site.url, reduced_motion="reduce")
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """Open a page on which nothing goes wrong unseen: no script fails, and no policy is broken."""
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
    yield page
    assert not complaints


def fill(page: Page, **fields: str) -> None:
    for label, value in fields.items():
        page.get_by_label(re.compile(rf"^\s*{label}\s*(optional)?\s*$")).fill(value)


def sign_in(page: Page) -> None:
    page.goto("/")
    fill(page, Name="admin", Password=PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Publisher")).to_be_visible()


def create_api(page: Page, site: Site, name: str, policy: str = "Gold") -> str:
    """Make an API in three steps, publish it, and return its id."""
    page.goto("/publisher")
    page.get_by_role("link", name="Create an API").first.click()
    fill(page, Name=name, Context=f"/{name.lower()}", Version="1.0", Tags="echo, demo")
    page.get_by_role("button", name="Next: implement").click()
    page.get_by_label("URLs").first.fill(site.backend)
    page.get_by_role("button", name="Test the backends").click()
    expect(page.locator("#results")).to_contain_text("works")
    page.get_by_role("button", name="Next: manage").click()
    page.get_by_role("checkbox", name=re.compile(f"^{policy}")).check()
    page.get_by_role("button", name="Next: publish").click()
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.get_by_role("status").first).to_contain_text("Published.")
    return page.url.split("/")[5]


def subscribe(page: Page, api_id: str, policy: str = "Gold") -> None:
    """Subscribe DefaultApplication."""
    page.goto(f"/store/apis/{api_id}")
    page.get_by_role("combobox", name="Application").select_option(label="DefaultApplication")
    page.get_by_role("radio", name=re.compile(f"^{policy}")).check()
    page.get_by_role("button", name="Subscribe").click()
    expect(page.get_by_role("status").first).to_contain_text("Subscribed.")


def test_the_tutorial_by_clicks(page: Page, context: BrowserContext, site: Site) -> None:
    sign_in(page)
    api_id = create_api(page, site, "EchoWebSocket")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Store").click()
    page.get_by_role("link", name="EchoWebSocket").click()
    expect(page.locator("#url-1")).to_have_text(f"{site.gateway}/echowebsocket/1.0")
    subscribe(page, api_id)
    generate_keys(page)
    page.goto(f"/store/apis/{api_id}")
    page.get_by_role("link", name="Try it").first.click()
    page.get_by_role("button", name="Connect").click()
    expect(page.locator("#status")).to_have_text("Connected.")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#log .received .body")).to_have_text("Hello, Framegate!")
    take_away(page, context.new_page(), api_id)
    page.get_by_role("button", name="Sign out").click()
    page.goto(f"/publisher/apis/{api_id}")
    expect(page).to_have_url(re.compile("/sign-in"))


def take_away(page: Page, publisher: Page, api_id: str) -> None:
    """Close the console's connection, then block its subscription: it says why each time."""
    wait_until(lambda: publisher.goto("/admin/gateways") and "up to date" in publisher.content(), within=15)
    publisher.goto(f"/publisher/apis/{api_id}/connections")
    publisher.get_by_role("button", name="Close", exact=True).click()
    publisher.get_by_role("button", name="Close the connection").click()
    expect(page.locator("#log .closed .body")).to_contain_text("The API's publisher closed the connection")
    page.get_by_role("button", name="Connect").click()
    expect(page.locator("#status")).to_have_text("Connected.")
    publisher.goto(f"/publisher/apis/{api_id}/subscriptions")
    publisher.get_by_role("button", name="Block", exact=True).click()
    publisher.get_by_role("button", name="Block DefaultApplication").click()
    expect(page.locator("#log .closed .body").last).to_contain_text("4503 The subscription is blocked.")
    page.get_by_role("button", name="Connect").click()
    expect(page.locator("#log .refused .body")).to_contain_text("blocked by the API's publisher")


def generate_keys(page: Page) -> None:
    """Generate production keys: their secret is shown once."""
    page.get_by_role("link", name="Keys").first.click()
    page.get_by_role("button", name="Generate production keys").click()
    expect(page.locator("#once-secret")).to_have_text(re.compile("^fgs_"))
    expect(page.locator("#once-token")).to_have_text(re.compile(r"^ey"))
    page.goto(page.url.removesuffix("/keys"))
    expect(page.locator("#key-production")).to_be_visible()
    expect(page.locator("#once-secret")).to_have_count(0)


def test_a_spent_quota_explains_itself(page: Page, site: Site) -> None:
    sign_in(page)
    page.goto("/admin/policies/new")
    fill(page, Name="Tiny")
    page.get_by_label("Amount of limit 1").fill("1")
    page.get_by_role("radio", name=re.compile("^Closes")).check()
    expect(page.locator("#words")).to_contain_text("Allows 1 message every minute from client to backend.")
    page.get_by_role("button", name="Create").click()
    api_id = create_api(page, site, "TinyEcho", "Tiny")
    subscribe(page, api_id, "Tiny")
    page.get_by_role("link", name="Try it").first.click()
    page.get_by_role("button", name="Connect").click()
    expect(page.locator("#status")).to_have_text("Connected.")
    for _ in range(2):
        page.get_by_role("button", name="Send").click()
    expect(page.locator("#log .closed .body")).to_contain_text("4429 The quota is spent. Connect again when you like.")


def test_it_works_without_javascript(browser: Browser, site: Site) -> None:
    context = browser.new_context(base_url=site.url, java_script_enabled=False)
    page = context.new_page()
    sign_in(page)
    api_id = create_api(page, site, "PlainEcho")
    subscribe(page, api_id)
    page.goto(f"/publisher/apis/{api_id}/lifecycle")
    page.get_by_role("button", name="Block").click()
    expect(page.locator("details[open]")).to_contain_text("PlainEcho 1.0 has 1 subscription.")
    page.locator("details[open] form button").click()
    expect(page.get_by_role("status").first).to_contain_text("Blocked.")
    page.goto("/publisher/new")
    fill(page, Name="Other", Context="no slash", Version="1.0")
    page.get_by_role("button", name="Next: implement").click()
    expect(page.get_by_label("Context", exact=True)).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#context-wrong")).to_contain_text("must be a path such as /echo")
    context.close()


def test_pages_are_accessible_in_both_themes_and_light(page: Page, site: Site) -> None:
    assert find_barriers_in(page, "/sign-in") == []
    sign_in(page)
    api_id = create_api(page, site, "SeenEcho")
    subscribe(page, api_id)
    page.get_by_role("link", name="Keys").first.click()
    application = page.url.split("/")[4].partition("#")[0]
    for path in list_pages(api_id, application):
        assert find_barriers_in(page, path) == [], path
        sizes = "performance.getEntries().filter(entry => entry.decodedBodySize).map(entry => entry.decodedBodySize)"
        weight = sum(page.evaluate(sizes))
        assert 0 < weight < MAX_PAGE_BYTES, (path, weight)


def list_pages(api_id: str, application: str) -> list[str]:
    admin = ["users", "roles", "service-accounts", "policies", "blocklist", "signing-keys", "audit"]
    steps = ["", "/design", "/implement", "/manage", "/lifecycle", "/subscriptions", "/connections", "/usage"]
    return [
        "/publisher",
        "/publisher/new",
        *(f"/publisher/apis/{api_id}{step}" for step in steps),
        "/store",
        f"/store/apis/{api_id}",
        f"/store/apis/{api_id}/try",
        "/applications",
        "/applications/new",
        f"/applications/{application}",
        *(f"/admin/{name}" for name in [*admin, "gateways", "connections", "usage"]),
        "/admin/policies/subscription/Gold",
        "/account",
        "/no-such-page",
    ]


def find_barriers_in(page: Page, path: str) -> list[str]:
    """Return what is wrong with a page in either theme, with all that it can unfold."""
    page.goto(path)
    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    page.emulate_media(color_scheme="light")
    found = find_barriers(page)
    page.emulate_media(color_scheme="dark")  # nothing but colours changes
    return found + [f"dark: {barrier}" for barrier in find_barriers(page, "color-contrast")]
