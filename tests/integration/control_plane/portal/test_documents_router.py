"""What is told of an API on its pages: documents, a picture, categories, and who owns it."""

from typing import Any

import httpx

from services.control_plane.portal.forms import FORM_TOKEN
from tests.integration.control_plane.platform import Platform, on_sqlite
from tests.integration.control_plane.portal.person import Person, wrong_at
from tests.integration.control_plane.portal.test_publisher_router import DESIGN, create

pytestmark = on_sqlite

PNG = b"\x89PNG\r\n\x1a\n and the rest"
GUIDE = {
    "name": "Guide",
    "type": "HOWTO",
    "visibility": "api",
    "source": "markdown",
    "markdown": "# Begin\n\n<b>now</b>",
}


async def upload(person: Person, path: str, file: Any = None, status: int = 303, /, **fields: str) -> httpx.Response:
    """Send a form that may bring a file."""
    files = {"file": file or ("", b"")}
    answer = await person.browser.post(path, data={FORM_TOKEN: person.form_token, **fields}, files=files)
    assert answer.status_code == status, answer.text
    return answer


async def test_a_document_is_written_read_and_deleted(admin: Person, platform: Platform) -> None:
    api = await platform.publish_api()
    root, store = f"/publisher/apis/{api['id']}/documents", f"/store/apis/{api['id']}/documents"
    assert "No document yet." in await admin.see(root)
    assert "Add a document" in await admin.see(f"{root}/new")
    place = (await upload(admin, root, **GUIDE)).headers["location"].partition("?")[0]
    document_id = place.rpartition("/")[2]
    for page in (await admin.browser.get(place), await admin.browser.get(f"{store}/{document_id}")):
        assert "<h3>Begin</h3>" in page.text
        assert "&lt;b&gt;now&lt;/b&gt;" in page.text
    assert "Guide" in await admin.see(f"/store/apis/{api['id']}")
    form = await admin.see(f"{place}/edit")
    assert "<b>now</b></textarea>" in form
    version = form.partition('name="if_match" value="')[2].partition('">')[0]
    await upload(admin, place, **GUIDE, summary="How to begin", if_match=version)
    again = await upload(admin, place, None, 422, **GUIDE, if_match=version)
    assert "Somebody changed it meanwhile" in again.text
    assert "How to begin" in await admin.see(root)
    wrong = await upload(admin, place, None, 422, **{**GUIDE, "source": "url", "url": "http://plain.example.com"})
    assert "must be an https:// URL" in wrong_at(wrong.text, "url")
    await upload(admin, place, **{**GUIDE, "visibility": "private"})
    await admin.see(f"{store}/{document_id}", 404)
    assert "Guide" not in await admin.see(f"/store/apis/{api['id']}")
    await admin.send(f"{place}/delete")
    await admin.see(place, 404)


async def test_a_file_is_uploaded_and_saved(admin: Person, platform: Platform) -> None:
    api = await platform.publish_api()
    root = f"/publisher/apis/{api['id']}/documents"
    sent = {"name": "Samples", "type": "SAMPLES", "visibility": "api", "source": "file"}
    place = (await upload(admin, root, ("a.html", b"<script>"), **sent)).headers["location"].partition("?")[0]
    assert "Save a.html" in await admin.see(place)
    for path in (f"{place}/file", f"{place}/file".replace("/publisher/", "/store/")):
        answer = await admin.browser.get(path)
        assert answer.content == b"<script>"
        assert answer.headers["content-disposition"].startswith("attachment")
    await upload(admin, place, **{**sent, "summary": "Kept"})
    assert "Save a.html" in await admin.see(place), "no file chosen keeps the one that is there"
    large = await upload(admin, place, ("b.bin", b"x" * (1 << 19) + b"x"), 422, **sent)
    assert "524288 bytes" in wrong_at(large.text, "file")
    assert "Save a.html" in await admin.see(place)


async def test_an_upload_is_of_our_own_form(admin: Person, platform: Platform) -> None:
    api = await platform.publish_api()
    path = f"/publisher/apis/{api['id']}/thumbnail"
    files = {"file": ("a.png", PNG)}
    for data, headers in (
        ({}, {}),
        ({FORM_TOKEN: "x"}, {}),
        ({FORM_TOKEN: admin.form_token}, {"Origin": "http://evil"}),
    ):
        answer = await admin.browser.post(path, data=data, files=files, headers=headers)
        assert answer.status_code == 403
    assert (await admin.browser.get(path)).status_code == 404


async def test_a_picture_is_shown_where_the_api_is(admin: Person, platform: Platform) -> None:
    api = await platform.publish_api()
    place, store = f"/publisher/apis/{api['id']}", f"/store/apis/{api['id']}"
    refused = await upload(admin, f"{place}/thumbnail", ("a.svg", b"<svg/>"), 422)
    assert "must be a picture" in wrong_at(refused.text, "file")
    await upload(admin, f"{place}/thumbnail", ("a.png", PNG))
    for path in (place, store):
        assert f'src="{path}/thumbnail"' in await admin.see(path)
        assert (await admin.browser.get(f"{path}/thumbnail")).headers["content-type"] == "image/png"
    assert f'src="{store}/thumbnail"' in await admin.see("/store")
    await admin.send(f"{place}/thumbnail/delete")
    assert "thumbnail" not in await admin.see(store)


async def test_an_api_is_described_in_its_form(admin: Person, platform: Platform) -> None:
    await admin.send("/admin/categories", name="Finance", description="Money")
    assert "Money" in await admin.see("/admin/categories")
    assert "already" in await admin.send("/admin/categories", 422, name="Finance")
    described = {"categories": "Finance", "business_owner_name": "Ada", "business_owner_email": "ada@example.com"}
    place = await create(admin, **described, properties="region = eu\nteam=red", maintainers="creator")
    path = f"/publisher/v1/apis/{place.rpartition('/')[2]}"
    api = await platform.read(path)
    assert api["properties"] == {"region": "eu", "team": "red"}
    assert api["business_owner"] == {"name": "Ada", "email": "ada@example.com"}
    assert (api["categories"], api["maintainers"]) == (["Finance"], ["creator"])
    assert "region = eu\nteam = red</textarea>" in await admin.see(f"{place}/design")
    overview = await admin.see(place)
    for said in ("Finance", "mailto:ada@example.com", "Maintainers"):
        assert said in overview
    wrong = {**DESIGN, **described, "business_owner_email": "nowhere", "technical_owner_email": "a@b.c"}
    page = await admin.send(f"{place}/design", 422, **wrong, properties="a b = c")
    assert "must be an e-mail address" in wrong_at(page, "business_owner_email")
    assert wrong_at(page, "technical_owner_name")
    assert wrong_at(page, "properties")
    await admin.send(f"{place}/design", **DESIGN, properties="team = blue")
    api = await platform.read(path)
    assert (api["properties"], api["business_owner"], api["categories"]) == ({"team": "blue"}, None, [])
    await admin.send("/admin/categories/Finance/delete")
    assert "None yet." in await admin.see("/admin/categories")


async def test_a_category_that_is_used_stays(admin: Person, platform: Platform) -> None:
    await platform.made("/admin/v1/categories", {"name": "Finance"})
    await platform.publish_api(categories=["Finance"])
    assert "APIs are in the category" in await admin.send("/admin/categories/Finance/delete", 422)
    assert "EchoWebSocket" in await admin.see("/store?q=category:Finance")
