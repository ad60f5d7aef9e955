import pytest

from tests.integration.control_plane.platform import CLIENT_ID, CLIENT_SECRET, Platform, Start, fields, problem
from tests.integration.control_plane.workflow.conftest import SETTINGS


async def test_settings_have_defaults_and_are_changed_by_a_patch(platform: Platform) -> None:
    defaults = {"approve_subscriptions": False, "approve_applications": False, "approve_publications": False}
    response = await platform.client.get(SETTINGS)
    assert response.json() == defaults
    changed = await platform.client.patch(
        SETTINGS, json={"approve_subscriptions": True}, headers={"If-Match": response.headers["ETag"]}
    )
    assert changed.json() == {**defaults, "approve_subscriptions": True}
    stale = await platform.client.patch(SETTINGS, json={}, headers={"If-Match": response.headers["ETag"]})
    problem(stale, 412, "precondition_failed")
    again = await platform.client.patch(SETTINGS, json={"approve_subscriptions": None})
    assert again.json() == defaults
    entries = (await platform.read("/admin/v1/audit", action="settings.update"))["items"]
    assert [entry["details"] for entry in entries] == [
        {"approve_subscriptions": "false"},
        {"approve_subscriptions": "true"},
    ]


@pytest.mark.parametrize(("field", "value"), [("approve_all", True), ("approve_publications", 7)])
async def test_what_is_no_setting_is_refused(platform: Platform, field: str, value: object) -> None:
    assert field in fields(await platform.client.patch(SETTINGS, json={field: value}))


async def test_settings_outlive_a_restart(started: Start) -> None:
    async with started() as platform:
        await platform.sign_in(CLIENT_ID, CLIENT_SECRET)
        await platform.client.patch(SETTINGS, json={"approve_applications": True})
    async with started() as platform:
        await platform.sign_in(CLIENT_ID, CLIENT_SECRET)
        assert (await platform.read(SETTINGS))["approve_applications"] is True


async def test_only_administrators_see_and_change_them(platform: Platform) -> None:
    async with platform.account("bob", roles=("publisher",)) as bob:
        problem(await bob.get(SETTINGS), 403, "insufficient_scope")
        problem(await bob.patch(SETTINGS, json={}), 403, "insufficient_scope")
