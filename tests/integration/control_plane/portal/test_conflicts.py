"""Two people and one thing: whoever acts on what it was is told what it is."""

import re
from urllib.parse import urlencode

import httpx
import pytest

from services.control_plane.portal.forms import FORM_TOKEN
from tests.integration.control_plane.platform import Platform, on_sqlite
from tests.integration.control_plane.portal.person import FORM, Person, version_in
from tests.integration.control_plane.portal.test_errors import BROWSER

pytestmark = on_sqlite


async def press(person: Person, action: str, page: str, /, **fields: str) -> httpx.Response:
    content = urlencode({FORM_TOKEN: person.form_token, **fields})
    headers = {**FORM, **BROWSER, "Referer": f"http://control-plane{page}"}
    return await person.browser.post(action, content=content, headers=headers)


async def test_a_button_of_an_old_page_does_nothing_and_says_why(admin: Person, platform: Platform) -> None:
    api = await platform.publish_api()
    place = f"/publisher/apis/{api['id']}"
    for action, fields in (("lifecycle", {"action": "block"}), ("delete", {})):
        page = f"{place}/lifecycle" if action == "lifecycle" else place
        loaded = version_in(await admin.see(page), f"{place}/{action}")
        await platform.client.patch(f"/publisher/v1/apis/{api['id']}", json={"description": action})
        answer = await press(admin, f"{place}/{action}", page, **fields, if_match=loaded)
        assert answer.status_code == 412
        assert answer.headers["etag"] != loaded
        assert "<code>api.update</code>" in answer.text
        assert re.search(r"<dt>Who</dt><dd>\w+</dd>", answer.text)
        assert f'href="{page}"' in answer.text
    assert (await platform.read(f"/publisher/v1/apis/{api['id']}"))["state"] == "PUBLISHED"


async def test_all_that_can_be_deleted_is_guarded(admin: Person, platform: Platform) -> None:
    await admin.send("/admin/roles", name="partner")
    await admin.send("/admin/blocklist", kind="address", value="203.0.113.7")
    await admin.send("/admin/users", 200, name="ann")
    await admin.send("/admin/service-accounts", 200, name="robot", scopes=["admin"])
    fields = {"name": "Small", "level": "subscription", "amount_0": "3", "unit_0": "messages", "window_0": "10"}
    await admin.send("/admin/policies/new", **fields)
    pages = ["roles", "blocklist", "users", "service-accounts", "policies/subscription/Small"]
    for page in pages:
        shown = await admin.see(f"/admin/{page}")
        actions = re.findall(r'action="(/admin/[^"]+/delete)"', shown)
        assert actions, page
        loaded = version_in(shown, actions[-1])
        assert (await press(admin, actions[-1], "/", if_match='"99"')).status_code == 412, page
        assert (await press(admin, actions[-1], "/", if_match=loaded)).status_code == 303, page


@pytest.mark.parametrize("action", ["move", "delete"])
async def test_a_subscription_that_changed_is_neither_moved_nor_deleted(
    admin: Person, platform: Platform, action: str
) -> None:
    api = await platform.publish_api()
    place = (await admin.send("/applications/new", name="Mine", policy="Unlimited")).partition("?")[0]
    application = place.split("/")[2]
    await admin.send(f"/store/apis/{api['id']}/subscribe", application_id=application, policy="Gold")
    (subscription,) = (await platform.read(f"/publisher/v1/apis/{api['id']}/subscriptions"))["items"]
    await platform.made(f"/publisher/v1/subscriptions/{subscription['id']}/block", {}, 200)
    answer = await press(admin, f"/subscriptions/{subscription['id']}/{action}", place, policy="Gold", if_match='"1"')
    assert answer.status_code == 412
    assert "<code>subscription.block</code>" in answer.text
