"""A session that is held to an organisation finds, changes and makes what is that one's alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, SQLModel, col, exists, select

from services.control_plane.identity.models import Account
from services.control_plane.kit.clock import system_clock
from services.control_plane.kit.database import Database
from services.control_plane.kit.tenancy import DEFAULT_ORGANISATION, Organisation, everywhere, hold, pass_on, within
from services.control_plane.tables import MODULES
from services.control_plane.workflow.models import Approval, Webhook, WebhookDelivery

OURS = "ours"
THEIRS = "theirs"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    assert MODULES
    database = Database(f"sqlite:///{tmp_path}/tenancy.db")
    SQLModel.metadata.create_all(database.engine)
    now = system_clock()
    with database.writing() as session:
        for name in (DEFAULT_ORGANISATION, OURS, THEIRS):
            session.add(Organisation(name=name, created_at=now, updated_at=now))
        session.flush()
        for name in (OURS, THEIRS):
            session.add(make_account(name, organisation=name))
            session.add(make_webhook(name))
            session.flush()
    yield database
    database.close()


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.session(writes=True) as session:
        hold(session, OURS)
        yield session


def make_account(id_: str, **more: str) -> Account:
    about: dict[str, Any] = {"id": id_, "kind": "person", "name": id_, "created_at": system_clock(), **more}
    return Account(**about)


def make_webhook(name: str) -> Webhook:
    now = system_clock()
    moments = dict.fromkeys(("due_at", "claimed_until", "created_at", "updated_at"), now)
    about: dict[str, Any] = {"id": name, "url": name, "sealed_secret": "", "organisation": name, **moments}
    return Webhook(**about)


def test_a_query_finds_what_is_ours(session: Session) -> None:
    assert [row.id for row in session.exec(select(Account))] == [OURS]
    assert session.exec(select(Account.id)).all() == [OURS]
    assert session.exec(select(Account.id).where(Account.id == THEIRS)).all() == []
    assert session.exec(select(func.count()).select_from(Account)).one() == 1
    assert session.exec(select(func.count()).select_from(select(Account).subquery())).one() == 1


def test_the_same_query_finds_each_organisation_its_own(session: Session) -> None:
    for name in (THEIRS, OURS):
        hold(session, name)
        assert session.exec(select(Account.id)).all() == [name]
        assert session.exec(select(aliased(Account).id)).all() == [name]


def test_a_row_of_others_is_not_got_by_its_key(session: Session) -> None:
    assert session.get(Account, THEIRS) is None
    assert session.get(Account, OURS) is not None


def test_joins_aliases_and_parts_of_queries_are_narrowed_too(session: Session) -> None:
    other = aliased(Account)
    inner = select(Account).subquery()
    joined = select(Webhook.id).join(Account, col(Account.id) == col(Webhook.id))
    assert session.exec(select(other.id)).all() == [OURS]
    assert session.exec(joined).all() == [OURS]
    assert session.exec(select(Account.id, other.id).join(other, col(other.id) != col(Account.id))).all() == []
    organisations = select(Organisation.name).where(Organisation.name != DEFAULT_ORGANISATION)
    within_account = organisations.where(col(Organisation.name).in_(select(Account.id)))
    assert session.exec(within_account).all() == [OURS]
    assert session.exec(organisations.where(col(Organisation.name).in_(select(inner.c.id)))).all() == [OURS]
    assert session.exec(organisations.where(exists().where(col(Account.id) == Organisation.name))).all() == [OURS]


def test_changes_and_deletions_in_bulk_leave_others_alone(database: Database, session: Session) -> None:
    session.execute(update(Account).values(disabled=True))
    session.execute(delete(Webhook))
    session.commit()
    with database.reading() as all_:
        assert dict(all_.exec(select(Account.id, Account.disabled)).all()) == {OURS: True, THEIRS: False}
        assert all_.exec(select(Webhook.id)).all() == [THEIRS]


def test_what_is_loaded_along_is_there(session: Session) -> None:
    account = session.exec(select(Account)).one()
    session.expire(account)
    assert (account.roles, account.organisation) == ([], OURS)


def test_what_is_made_belongs_to_the_session(database: Database, session: Session) -> None:
    session.add(make_account("new"))
    session.commit()
    with database.writing() as free:
        free.add(make_account("nobody's"))
    with database.reading() as free:
        assert free.get_one(Account, "new").organisation == OURS
        assert free.get_one(Account, "nobody's").organisation == DEFAULT_ORGANISATION


def test_a_session_looks_elsewhere_for_a_block(session: Session) -> None:
    with everywhere(session):
        assert set(session.exec(select(Account.id))) == {OURS, THEIRS}
    with within(session, THEIRS):
        assert session.exec(select(Account.id)).all() == [THEIRS]
        session.add(make_account("new"))
    assert session.exec(select(Account.id)).all() == [OURS]
    with pytest.raises(ZeroDivisionError), within(session, THEIRS):
        raise ZeroDivisionError
    assert session.exec(select(Account.id)).all() == [OURS]


def test_a_session_that_is_held_to_none_sees_all(database: Database) -> None:
    with database.reading() as session:
        assert set(session.exec(select(Account.id))) == {OURS, THEIRS}
        with within(session, OURS):
            assert session.exec(select(Account.id)).all() == [OURS]
        assert set(session.exec(select(Account.id))) == {OURS, THEIRS}
    with database.reading(THEIRS) as session:
        assert session.exec(select(Account.id)).all() == [THEIRS]


def test_what_was_written_down_passes_to_the_platform(database: Database) -> None:
    with database.writing() as session:
        words = dict.fromkeys(("target_id", "title", "wanted", "asked_by"), OURS)
        about: dict[str, Any] = {"id": "one", "kind": "application", "asked_at": system_clock(), **words}
        session.add(Approval(organisation=OURS, **about))
        session.flush()
        pass_on(session, OURS)
        assert session.exec(select(Approval.organisation)).one() == DEFAULT_ORGANISATION
        assert set(session.exec(select(Account.organisation))) == {OURS, THEIRS}
        assert session.exec(select(WebhookDelivery)).all() == []
