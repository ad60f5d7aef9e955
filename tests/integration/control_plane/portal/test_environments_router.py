"""Gateway environments, kept in forms."""

from tests.integration.control_plane.platform import Platform, on_sqlite
from tests.integration.control_plane.portal.person import Person, version_in, wrong_at

pytestmark = on_sqlite

PLACE = "/admin/environments"
EU = {"name": "eu", "gateway_url": "ws://eu.example.com", "description": "Europe"}


async def test_an_environment_is_added_changed_and_deleted(admin: Person, platform: Platform) -> None:
    assert (await admin.send(PLACE, **EU)).startswith(PLACE)
    assert "ws://eu.example.com" in await admin.see(PLACE)
    assert "already" in await admin.send(PLACE, 422, **EU)
    version = version_in(await admin.see(f"{PLACE}/eu"), f"{PLACE}/eu")
    changed = {"gateway_url": "ws://eu.example.org", "gateway_tls_url": "wss://eu.example.org", "if_match": version}
    await admin.send(f"{PLACE}/eu", **changed)
    kept = await platform.read("/admin/v1/environments/eu")
    assert (kept["gateway_tls_url"], kept["description"]) == ("wss://eu.example.org", "")
    assert "Somebody changed it meanwhile" in await admin.send(f"{PLACE}/eu", 422, **changed)
    await admin.send(f"{PLACE}/eu/delete", 412, if_match=version)
    page = await admin.see(PLACE)
    await admin.send(f"{PLACE}/eu/delete", if_match=version_in(page, f"{PLACE}/eu/delete"))
    await admin.see(f"{PLACE}/eu", 404)


async def test_mistakes_stand_beside_their_fields(admin: Person) -> None:
    page = await admin.send(PLACE, 422, name="eu", gateway_url="http://eu", description="Europe")
    assert "ws or wss" in wrong_at(page, "gateway_url")
    assert "Europe</textarea>" in page
    await admin.send(PLACE, **EU)
    assert "ws or wss" in wrong_at(await admin.send(f"{PLACE}/eu", 422, gateway_url="eu"), "gateway_url")


async def test_the_default_environment_is_what_the_settings_say(admin: Person, platform: Platform) -> None:
    default = await platform.read("/admin/v1/environments/default")
    page = await admin.see(f"{PLACE}/default")
    assert "FRAMEGATE_GATEWAY_URL" in page
    await admin.send(f"{PLACE}/default", gateway_url=default["gateway_url"], description="Here")
    refused = await admin.send(f"{PLACE}/default", 422, gateway_url="ws://elsewhere.example.com")
    assert "change it there" in wrong_at(refused, "gateway_url")
    assert "stays" in await admin.send(f"{PLACE}/default/delete", 422)


async def test_an_environment_that_an_api_names_stays(admin: Person, platform: Platform) -> None:
    await admin.send(PLACE, **EU)
    await platform.publish_api(environments=["eu"])
    assert "APIs are deployed to eu" in await admin.send(f"{PLACE}/eu/delete", 422)
