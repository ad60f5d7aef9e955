"""Totals that are remembered are those that would be counted."""

import pytest
from sqlalchemy import event
from sqlmodel import Session, create_engine, select

from services.control_plane.identity import totals
from services.control_plane.kit.audit import AuditEntry
from tests.integration.control_plane.platform import Platform

AUDIT = "/admin/v1/audit"
USERS = "/admin/v1/users"


async def total(platform: Platform, path: str, **query: str) -> int:
    return int((await platform.read(path, **query))["total"])


async def test_users_and_service_accounts_are_counted_anew_when_they_come_and_go(platform: Platform) -> None:
    users, services = await total(platform, USERS), await total(platform, "/admin/v1/service-accounts")
    made = await platform.made(USERS, {"name": "ada", "roles": []})
    assert await total(platform, USERS) == users + 1
    assert await total(platform, "/admin/v1/service-accounts") == services
    assert await total(platform, USERS, q="ada") == 1
    assert (await platform.client.delete(f"{USERS}/{made['id']}")).status_code == 204
    assert await total(platform, USERS) == users


async def test_the_audit_is_counted_from_what_is_settled(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(totals, "MOST_NEW", 2)
    there = 0
    for round_ in range(3):
        for name in ("a", "b"):
            await platform.made("/admin/v1/roles", {"name": f"{name}{round_}"})
        with Session(platform.database.engine) as session:
            there = len(session.exec(select(AuditEntry.id)).all())
        assert [await total(platform, AUDIT) for _ in range(2)] == [there, there]
        platform.clock.move(minutes=11)
    counted = platform.get(totals.Totals)._known["default"]
    assert 0 < counted.last < there
    assert await total(platform, AUDIT, action="role.create") == 6


async def test_an_organisation_that_goes_leaves_its_entries_to_the_platform(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(totals, "MOST_NEW", 0)
    await platform.made("/admin/v1/organisations", {"name": "acme"})
    async with platform.account("boss", roles=("admin",), organisation="acme") as boss:
        me = (await boss.get("/account/v1/me")).json()
        assert (await boss.delete(f"/admin/v1/service-accounts/{me['id']}")).status_code == 204
    platform.clock.move(minutes=11)
    before = await total(platform, AUDIT)
    assert (await platform.client.delete("/admin/v1/organisations/acme")).status_code == 204
    with Session(platform.database.engine) as session:
        there = len(session.exec(select(AuditEntry.id)).all())
    assert await total(platform, AUDIT) == there > before + 1


async def test_what_comes_while_it_is_counted_is_not_lost(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, migrated_url: str
) -> None:
    monkeypatch.setattr(totals, "MOST_NEW", 0)
    await platform.made("/admin/v1/roles", {"name": "old"})
    platform.clock.move(minutes=11)
    other, done = create_engine(migrated_url), False

    def meanwhile(_: object, __: object, statement: str, *___: object) -> None:
        nonlocal done
        if "max(audit_entry.id)" in statement and not done:
            done = True
            with Session(other) as session:
                entry = AuditEntry(organisation="default", at=platform.clock(), actor="x", address="", action="x.y",
                                   target_kind="x", target_id="x")  # fmt: skip
                session.add(entry)
                session.commit()

    event.listen(platform.database.engine, "before_cursor_execute", meanwhile)
    await total(platform, AUDIT)
    other.dispose()
    with Session(platform.database.engine) as session:
        there = len(session.exec(select(AuditEntry.id)).all())
    assert done
    assert await total(platform, AUDIT) == there
