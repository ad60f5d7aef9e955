"""Organisations, kept in forms, and what an administrator of another one sees."""

from services.control_plane.identity.people import PeopleService
from services.control_plane.identity.schemas import UserCreate
from services.control_plane.kit.audit import SYSTEM, AuditContext, begin
from tests.integration.control_plane.platform import Platform, on_sqlite
from tests.integration.control_plane.portal.person import Person, version_in, wrong_at
from tests.integration.control_plane.portal.test_sign_in_router import browse, sign_in

pytestmark = on_sqlite

PLACE = "/admin/organisations"
PASSWORD = "a password of the boss"


async def test_an_organisation_is_added_and_deleted(admin: Person) -> None:
    assert (await admin.send(PLACE, name="acme", description="Anvils")).startswith(PLACE)
    assert "Anvils" in await admin.see(PLACE)
    assert "pattern" in wrong_at(await admin.send(PLACE, 422, name="Acme"), "name")
    await admin.send("/admin/users", 200, name="maria", roles="subscriber", organisation="acme")
    added = await admin.send("/admin/service-accounts", 200, name="robot", scopes="admin", organisation="acme")
    assert "robot" in added
    page = await admin.see(PLACE)
    version = version_in(page, f"{PLACE}/acme/delete")
    assert "belong to acme" in await admin.send(f"{PLACE}/acme/delete", 422, if_match=version)
    assert f"{PLACE}/default/delete" not in page
    assert "maria" not in await admin.see("/admin/users")
    assert "robot" not in await admin.see("/admin/service-accounts")
    unknown = await admin.send("/admin/service-accounts", 422, name="other", scopes="admin", organisation="nobody")
    assert "nobody" in wrong_at(unknown, "organisation")


async def test_another_organisations_administrator_sees_its_own_pages(platform: Platform) -> None:
    await platform.made("/admin/v1/organisations", {"name": "acme"})
    body = UserCreate.model_validate({"name": "boss", "password": PASSWORD, "roles": ["admin"]})
    with platform.database.writing() as session:
        begin(session, AuditContext(SYSTEM, "", platform.clock))
        platform.get(PeopleService).create(session, body, "acme")
    await platform.publish_api()
    async with browse(platform) as browser:
        await sign_in(browser, username="boss", password=PASSWORD)
        boss = await Person.of(browser)
        users = await boss.see("/admin/users")
        assert "/admin/webhooks" in users
        assert "/admin/policies" not in users
        assert 'name="organisation"' not in users
        for page in ("/publisher", "/store", "/admin/users", "/admin/service-accounts", "/admin/audit"):
            assert "EchoWebSocket" not in await boss.see(page)
        for page in ("roles", "policies", "organisations", "usage", "connections", "gateways", "settings", "blocklist"):
            await boss.see(f"/admin/{page}", 403)
