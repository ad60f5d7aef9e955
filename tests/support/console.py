"""The console as a person uses it, in a browser, on real processes."""

import base64
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import httpx
from playwright.sync_api import Browser, BrowserContext, Page, expect

from cli.embedded import redis_server
from cli.stack import Stack
from tests.support.waiting import free_port

PASSWORD: Final = "a password of the tests"
PICTURE: Final = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
)

expect.set_options(timeout=15_000)


@dataclass(frozen=True, slots=True)
class Site:
    """A running installation as a person sees it."""

    url: str
    gateway: str
    backend: str


@contextmanager
def running_site(folder: Path) -> Iterator[Site]:
    """Run an installation, with an echo behind it, until the block ends."""
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


@contextmanager
def visiting(browser: Browser, site: Site) -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=site.url, reduced_motion="reduce")
    context.set_default_timeout(15_000)
    try:
        yield context
    finally:
        context.close()


@contextmanager
def watched_page(context: BrowserContext) -> Iterator[Page]:
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


def look_at(_: str) -> None:
    """Take no picture."""


def create_api(page: Page, site: Site, name: str, policy: str = "Gold", look: Callable[[str], None] = look_at) -> str:
    """Make an API in three steps, publish it, and return its id."""
    page.goto("/publisher")
    page.get_by_role("link", name="Create an API").first.click()
    fill(page, Name=name, Context=f"/{name.lower()}", Version="1.0", Tags="echo, demo")
    look("design")
    page.get_by_role("button", name="Next: implement").click()
    page.get_by_label("URLs").first.fill(site.backend)
    page.get_by_role("button", name="Test the backends").click()
    expect(page.locator("#results")).to_contain_text("works")
    look("implement")
    page.get_by_role("button", name="Next: manage").click()
    page.get_by_role("checkbox", name=re.compile(f"^{policy}")).check()
    page.get_by_role("button", name="Next: publish").click()
    expect(page.get_by_role("heading", name="Lifecycle")).to_be_visible()
    look("lifecycle")
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


def generate_keys(page: Page, look: Callable[[str], None] = look_at) -> None:
    """Generate production keys: their secret is shown once."""
    page.get_by_role("link", name="Keys").first.click()
    page.get_by_role("button", name="Generate production keys").click()
    expect(page.locator("#once-secret")).to_have_text(re.compile("^fgs_"))
    expect(page.locator("#once-token")).to_have_text(re.compile(r"^ey"))
    look("keys")
    page.goto(page.url.removesuffix("/keys"))
    expect(page.locator("#key-production")).to_be_visible()
    expect(page.locator("#once-secret")).to_have_count(0)


def describe(page: Page, api_id: str) -> str:
    """Give an API all that is said of one, and return its document's id."""
    page.goto("/admin/categories")
    fill(page, Name="Finance")
    page.get_by_role("button", name="Add").click()
    page.goto(f"/publisher/apis/{api_id}/design")
    page.get_by_role("checkbox", name="Finance").check()
    fill(
        page,
        **{"Business owner": "Ada", "E-mail of the business owner": "ada@example.com", "Properties": "region = eu"},
    )
    page.get_by_role("button", name="Save").click()
    page.goto(f"/publisher/apis/{api_id}")
    page.get_by_label("Picture", exact=True).last.set_input_files(
        {"name": "a.png", "mimeType": "image/png", "buffer": PICTURE}
    )
    page.get_by_role("button", name="Upload").click()
    expect(page.locator("img.thumbnail")).to_have_js_property("naturalWidth", 1)
    page.goto(f"/publisher/apis/{api_id}/documents/new")
    fill(page, Name="Guide", Text="# Begin\n\n| a | b |\n|---|:-:|\n| 1 | [2](https://example.com) |\n\n    code\n")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Begin")).to_be_visible()
    return page.url.rpartition("/")[2].partition("?")[0]
