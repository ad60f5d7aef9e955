"""What a person does on the console's pages."""

import base64
import re
from typing import Final

from playwright.sync_api import Page, expect

PICTURE: Final = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
)


def fill(page: Page, **fields: str) -> None:
    for label, value in fields.items():
        page.get_by_label(re.compile(rf"^\s*{label}\s*(optional)?\s*$")).fill(value)


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
