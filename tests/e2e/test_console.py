"""The console, by clicks in a real browser, on real processes."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.support.browser import chromium, find_barriers
from tests.support.console import (
    PASSWORD,
    Site,
    create_api,
    describe,
    fill,
    generate_keys,
    running_site,
    sign_in,
    subscribe,
    visiting,
    watched_page,
)
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(180)

MAX_PAGE_BYTES: Final = 200_000
DOCUMENT: Final = Path(__file__).with_name("rooms.yaml")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("console")) as site:
        yield site


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def context(browser: Browser, site: Site) -> Iterator[BrowserContext]:
    with visiting(browser, site) as context:
        yield context


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    with watched_page(context) as page:
        yield page


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
    expect(page.locator("#quota")).to_contain_text(
        "0 of 1 messages left from client to backend, by Tiny, whole again in"
    )


def replace_document(page: Page) -> None:
    """Give an API a document, as a file, once it is seen what that changes."""
    page.get_by_text("Give it a document").click()
    page.get_by_label(re.compile("^File")).set_input_files(DOCUMENT)
    page.get_by_role("button", name="Look at what it changes").click()
    expect(page.get_by_role("heading", name="It breaks clients")).to_be_visible()
    page.get_by_role("button", name="Save it all the same").click()
    expect(page.get_by_role("status").first).to_contain_text("Saved.")


def test_messages_of_the_document_are_sent_filtered_and_paused(page: Page, site: Site) -> None:
    sign_in(page)
    api_id = create_api(page, site, "RoomEcho")
    page.get_by_role("link", name="AsyncAPI").click()
    replace_document(page)
    subscribe(page, api_id)
    page.goto(f"/store/apis/{api_id}/asyncapi")
    page.get_by_text("somebody says something").first.click()
    expect(page.get_by_text("at most 500 characters").first).to_be_visible()
    page.goto(f"/store/apis/{api_id}/try")
    page.get_by_role("button", name="Connect").click()
    expect(page.locator("#status")).to_have_text("Connected.")
    page.get_by_label("From", exact=True).select_option(label="Said: short")
    page.get_by_label("Message", exact=True).press("Control+Enter")
    expect(page.locator("#log .received .body")).to_contain_text('"text": "Hello"')
    expect(page.locator("#trips-words")).to_contain_text("of 1.")
    expect(page.locator("#trips-plot canvas")).to_be_visible()
    page.get_by_label("Message", exact=True).fill("{bad")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#message-wrong")).to_contain_text("That is no JSON")
    page.get_by_label("Binary").check()
    page.get_by_label("Message", exact=True).fill("48 65")
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#counted")).to_contain_text("5 entries; paused")
    expect(page.locator("#log > div")).to_have_count(3)
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("#log .received .body").last).to_have_text("48 65")
    page.get_by_label("Show").select_option("sent")
    page.get_by_label("with").fill("48")
    expect(page.locator("#log > div")).to_have_count(1)
    see_it_live(page, api_id)


def see_it_live(page: Page, api_id: str) -> None:
    """See what went through come in, without loading the page anew."""
    page.goto(f"/publisher/apis/{api_id}/usage?step=minute")
    page.get_by_role("button", name="Live").click()
    expect(page.locator("#watching")).to_contain_text("new figures every few seconds")
    expect(page.locator("#tiles strong").first).to_have_text("4", timeout=30_000)
    expect(page.locator("#plot canvas")).to_be_visible()
    page.get_by_role("button", name="Live").click()
    expect(page.locator("#watching")).to_have_text("Not live.")


def test_a_keyboard_is_enough(page: Page, site: Site) -> None:
    page.goto("/")
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type("admin")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Publisher")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="From AsyncAPI")).to_be_focused()
    page.goto("/admin/roles")
    page.get_by_label("Name").fill("partner")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_have_text("Saved.")
    row = page.get_by_role("row", name=re.compile("^partner"))
    row.locator("summary", has_text="Delete").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(row.get_by_role("button", name="Delete partner")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_have_text("Deleted.")


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
    document = describe(page, api_id)
    subscribe(page, api_id)
    page.get_by_role("link", name="Keys").first.click()
    application = page.url.split("/")[4].partition("#")[0]
    page.goto(f"/publisher/apis/{api_id}/asyncapi")
    replace_document(page)
    add_webhook(page)
    assert find_barriers(page) == []
    for path in list_pages(api_id, document, application):
        assert find_barriers_in(page, path) == [], path
        sizes = "performance.getEntries().filter(entry => entry.decodedBodySize).map(entry => entry.decodedBodySize)"
        weight = sum(page.evaluate(sizes))
        assert 0 < weight < MAX_PAGE_BYTES, (path, weight)


def add_webhook(page: Page) -> None:
    """Add one, and stay on its page, where the secret is shown."""
    page.goto("/admin/webhooks")
    page.get_by_label("URL").fill("http://127.0.0.1:9/hook")
    page.get_by_label("Events").fill("webhook.*")
    page.get_by_role("button", name="Add").click()
    page.get_by_role("heading", name="Secret: copy it now").wait_for()


def list_pages(api_id: str, document: str, application: str) -> list[str]:
    admin = ["users", "roles", "service-accounts", "policies", "categories", "issuers", "blocklist", "audit"]
    admin += ["approvals", "webhooks", "settings"]
    steps = ["", "/design", "/implement", "/manage", "/lifecycle", "/asyncapi", "/subscriptions", "/connections"]
    documents = ["/documents", "/documents/new", f"/documents/{document}", f"/documents/{document}/edit"]
    return [
        "/publisher",
        "/publisher/new",
        "/publisher/import",
        *(f"/publisher/apis/{api_id}{step}" for step in [*steps, *documents]),
        "/store",
        "/store/notices",
        f"/store/apis/{api_id}",
        f"/store/apis/{api_id}/asyncapi",
        f"/store/apis/{api_id}/documents/{document}",
        f"/store/apis/{api_id}/try",
        "/applications",
        "/applications/new",
        f"/applications/{application}",
        f"/applications/{application}/usage",
        f"/publisher/apis/{api_id}/usage?step=minute&compare=true",
        "/admin/usage?step=minute&by=version&compare=true",
        *(f"/admin/{name}" for name in [*admin, "environments", "signing-keys", "gateways", "connections"]),
        "/admin/environments/default",
        "/admin/issuers/new",
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
