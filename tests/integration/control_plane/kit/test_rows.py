from datetime import timedelta

import pytest
from sqlmodel import col, func, select

from services.control_plane.kit.clock import system_clock
from services.control_plane.kit.rows import delete_until, insert_new
from services.control_plane.oauth.models import UsedAssertion
from tests.integration.control_plane.platform import Platform

NOW = system_clock()
OLD, YOUNG = NOW + timedelta(hours=1), NOW + timedelta(hours=2)  # not so old that the platform sweeps them itself


async def test_a_row_is_inserted_once(platform: Platform) -> None:
    with platform.database.writing() as session:
        assert insert_new(session, UsedAssertion, id="one", expires_at=OLD)
        assert not insert_new(session, UsedAssertion, id="one", expires_at=YOUNG)
        assert session.get_one(UsedAssertion, "one").expires_at == OLD


async def test_so_many_rows_are_deleted_and_no_younger_ones(platform: Platform) -> None:
    with platform.database.writing() as session:
        session.add_all(UsedAssertion(id=str(number), expires_at=OLD) for number in range(5))
        session.add_all(UsedAssertion(id=f"young {number}", expires_at=YOUNG) for number in range(3))
    left = []
    more = True
    while more:
        with platform.database.writing() as session:
            more = delete_until(session, UsedAssertion.expires_at, OLD, limit=2)
            left.append(session.exec(select(func.count()).select_from(UsedAssertion)).one())
    assert left == [6, 4, 3]


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)  # SQLite has one writer at a time
async def test_a_row_that_another_transaction_is_at_is_not_waited_for(platform: Platform) -> None:
    with platform.database.writing() as session:
        session.add_all(UsedAssertion(id=name, expires_at=OLD) for name in ("busy", "free"))
    with platform.database.writing() as other:
        other.exec(select(UsedAssertion).where(UsedAssertion.id == "busy").with_for_update()).one()
        with platform.database.writing() as session:
            delete_until(session, UsedAssertion.expires_at, OLD)
            assert session.exec(select(col(UsedAssertion.id))).all() == ["busy"]
