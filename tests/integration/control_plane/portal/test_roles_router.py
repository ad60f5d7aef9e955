"""Roles in the console."""

from tests.integration.control_plane.platform import Platform, on_sqlite
from tests.integration.control_plane.portal.person import Person, lose_no_update, wrong_at

pytestmark = on_sqlite


async def test_a_role_is_made_changed_and_deleted(admin: Person, platform: Platform) -> None:
    assert "should match pattern" in wrong_at(await admin.send("/admin/roles", 422, name="two words"), "name")
    await admin.send("/admin/roles", name="partner", scopes=["store:subscribe"])
    action = "/admin/roles/partner/change"
    await lose_no_update(admin, "/admin/roles", action, {"scopes": ["admin"]}, {"scopes": ["publisher:read"]})
    assert (await platform.read("/admin/v1/roles/partner"))["scopes"] == ["publisher:read"]
    assert "is built in" in await admin.send("/admin/roles/creator/change", 422, scopes=["admin"])
    assert "is built in" in await admin.send("/admin/roles/creator/delete", 422)
    assert await admin.send("/admin/roles/partner/delete") == "/admin/roles?done=deleted"
