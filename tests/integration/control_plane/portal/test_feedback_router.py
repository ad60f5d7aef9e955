"""Notices, stars and comments in the browser."""

from tests.integration.control_plane.platform import Platform, on_sqlite
from tests.integration.control_plane.portal.person import Person, wrong_at

pytestmark = on_sqlite


async def test_notices_are_counted_read_and_marked(admin: Person, platform: Platform) -> None:
    api = await platform.publish_api()
    place = await admin.send("/applications/new", name="Sensors", policy="Unlimited")
    application = place.split("/")[2].partition("?")[0]
    await admin.send(f"/store/apis/{api['id']}/subscribe", application_id=application, policy="Gold")
    assert " new</span>" not in await admin.see("/store")
    await platform.act(api, "block", "unblock")
    assert "2 new" in await admin.see("/store")
    page = await admin.see("/store/notices")
    assert "is blocked for the time being" in page
    ids = [part.split('"')[0] for part in page.split('name="ids" value="')[1:]]
    assert len(ids) == 2
    await admin.send("/store/notices/read", ids=ids)
    assert "Mark as read" not in await admin.see("/store/notices")
    assert " new</span>" not in await admin.see("/store")


async def test_stars_and_comments_stand_on_the_api_s_page(admin: Person, platform: Platform) -> None:
    api = await platform.publish_api()
    place = f"/store/apis/{api['id']}"
    assert "Nobody has rated it yet" in await admin.see(place)
    await admin.send(f"{place}/rate", stars="4")
    assert "4.0 of 5 stars, by 1" in await admin.see(place)
    assert "less than or equal to 5" in await admin.send(f"{place}/rate", 422, stars="6")
    await admin.send(f"{place}/comments", text="<script>alert(1)</script> & more")
    answer = await admin.browser.get(place)
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in answer.text
    assert "at least 1 character" in wrong_at(await admin.send(f"{place}/comments", 422, text="  "), "text")
    async with platform.account("bob", roles=("subscriber",)) as bob:
        theirs = (await bob.post(f"/store/v1/apis/{api['id']}/comments", json={"text": "Mine"})).json()
    own = (await platform.read(f"/store/v1/apis/{api['id']}/comments", sort="created_at"))["items"][0]
    page = await admin.see(place)
    assert f"{place}/comments/{own['id']}/delete" in page
    removal = f"/publisher/apis/{api['id']}/comments/{theirs['id']}/delete"
    assert removal in page
    assert await admin.send(removal) == f"{place}?done=deleted"
    assert await admin.send(f"{place}/comments/{own['id']}/delete") == f"{place}?done=deleted"
    assert (await platform.read(f"/store/v1/apis/{api['id']}/comments"))["total"] == 0
