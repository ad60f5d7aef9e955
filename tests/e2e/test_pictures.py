"""The pictures of the tutorial, taken on a walk through it on a fresh installation."""

from functools import partial
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import expect

from tests.support.browser import chromium
from tests.support.console import (
    create_api,
    generate_keys,
    running_site,
    sign_in,
    subscribe,
    visiting,
    watched_page,
)
from tests.support.pictures import SIZE, Pictures

pytestmark = pytest.mark.timeout(180)

IMAGES: Final = Path(__file__).parents[2] / "docs" / "tutorial" / "images"


def test_the_pictures_of_the_tutorial_are_current(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    pictures = Pictures(IMAGES, makes=request.config.getoption("--pictures"))
    with (
        running_site(tmp_path) as site,
        chromium() as browser,
        visiting(browser, site) as context,
        watched_page(context) as page,
    ):
        page.set_viewport_size(SIZE)
        look = partial(pictures.take, page)
        sign_in(page)
        api_id = create_api(page, site, "MyEcho", look=look)
        page.goto(f"/store/apis/{api_id}")
        look("store")
        subscribe(page, api_id)
        generate_keys(page, look)
        page.goto(f"/store/apis/{api_id}/try")
        page.get_by_role("button", name="Connect").click()
        expect(page.locator("#status")).to_have_text("Connected.")
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#log .received .body")).to_have_text("Hello, Framegate!")
        page.locator("#try").evaluate("part => part.scrollIntoView()")
        look("try")
    assert pictures.finish() == [], "make them anew: ./run test e2e -k pictures --pictures"
