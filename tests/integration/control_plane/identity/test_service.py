"""Who is there from the start."""

import pytest
from argon2 import PasswordHasher
from pydantic import SecretStr
from sqlmodel import select

from services.control_plane.catalogue.pusher import Pusher
from services.control_plane.identity.models import Account
from tests.integration.control_plane.platform import CLIENT_ID, CLIENT_SECRET, Platform, Start, on_sqlite


def administrators(platform: Platform) -> list[Account]:
    with platform.database.reading() as session:
        return list(session.exec(select(Account).where(Account.kind == "person")).all())


async def test_the_first_administrator_is_made_once(started: Start, capfd: pytest.CaptureFixture[str]) -> None:
    async with started() as platform:
        (first,) = administrators(platform)
    async with started(admin_username="another") as platform:
        assert [account.id for account in administrators(platform)] == [first.id]
    assert first.name == "admin"
    assert [link.role for link in first.roles] == ["admin"]
    assert first.password_hash is not None
    assert PasswordHasher().verify(first.password_hash, "a password of the tests")
    assert capfd.readouterr().err == ""


@on_sqlite
async def test_a_password_that_nobody_gave_is_printed_once(started: Start, capfd: pytest.CaptureFixture[str]) -> None:
    async with started(admin_password=None) as platform:
        (account,) = administrators(platform)
    printed = capfd.readouterr().err
    assert printed.count("admin / ") == 1
    password = printed.split(" / ")[1].split()[0]
    assert PasswordHasher().verify(account.password_hash or "", password)
    async with started(admin_password=None):
        pass
    assert capfd.readouterr().err == ""


async def test_the_bootstrap_account_follows_its_settings(started: Start) -> None:
    async with started() as platform:
        await platform.sign_in(CLIENT_ID, CLIENT_SECRET)
        (account,) = (await platform.read("/admin/v1/service-accounts"))["items"]
        (application,) = (await platform.read("/store/v1/applications"))["items"]
    assert application["name"] == "DefaultApplication"
    async with started(bootstrap_client_secret=SecretStr("another secret of the tests")) as platform:
        await platform.sign_in(CLIENT_ID, "another secret of the tests")
        assert (await platform.read("/admin/v1/service-accounts"))["items"] == [account]
        form = {"grant_type": "client_credentials"}
        old = await platform.client.post("/oauth2/token", data=form, auth=(CLIENT_ID, "a secret of the tests"))
        assert old.status_code == 401


async def test_a_built_in_policy_that_was_changed_stays_so(started: Start) -> None:
    async with started() as platform:
        await platform.sign_in(CLIENT_ID, CLIENT_SECRET)
        await platform.client.patch("/admin/v1/policies/Gold", json={"limits": [{"amount": 5}]})
    async with started() as platform:
        await platform.sign_in(CLIENT_ID, CLIENT_SECRET)
        assert (await platform.read("/admin/v1/policies/Gold"))["limits"][0]["amount"] == 5


@on_sqlite
async def test_starting_again_changes_nothing_for_the_pods(started: Start) -> None:
    revisions = []
    for _ in range(2):
        async with started() as platform:
            await platform.sign_in(CLIENT_ID, CLIENT_SECRET)
            assert platform.get(Pusher).flush(5)
            text = (await platform.client.get("/metrics")).text
            revisions.append([line for line in text.splitlines() if line.startswith("framegate_catalogue_revision")])
    assert revisions[0] == revisions[1]
