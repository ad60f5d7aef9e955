"""Organisations apart from each other: whoever acts for one has a session that finds what is its own alone.

Nobody writes the condition by hand: it is added to whatever the session asks, changes or deletes by way of the mapping.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from typing import Any, ClassVar, Final

from sqlalchemy import event, update
from sqlalchemy.orm import ORMExecuteState, UOWTransaction, with_loader_criteria
from sqlalchemy.orm import Session as AnySession
from sqlalchemy.sql.base import ExecutableOption
from sqlmodel import Field, SQLModel

from services.control_plane.kit.columns import Versioned

DEFAULT_ORGANISATION: Final = "default"
"""The platform's own: it is there from the start."""

_HELD: Final = "framegate_organisation"


class Organisation(Versioned, table=True):
    __tablename__ = "organisation"

    name: str = Field(primary_key=True)
    description: str = ""
    created_at: datetime
    updated_at: datetime


class Tenanted(SQLModel):
    """Belongs to an organisation: to that of the session that makes it, unless said."""

    outlives: ClassVar[bool] = False
    """Whether it lasts when the organisation goes: it was written down."""

    organisation: str = Field(
        default=None,
        nullable=False,
        foreign_key="organisation.name",
        sa_column_kwargs={"server_default": DEFAULT_ORGANISATION},
    )


def hold(session: AnySession, organisation: str) -> None:
    """Hold a session to an organisation. One that is held to none sees all: so does the work that nobody asked for."""
    session.info[_HELD] = organisation


def held(session: AnySession) -> str | None:
    """Return the organisation that a session is held to, if it is."""
    return session.info.get(_HELD)


@contextmanager
def everywhere(session: AnySession) -> Iterator[None]:
    """See all organisations for the block. What is found there is for decisions, and never for an answer."""
    session.flush()  # what is new belongs to whoever it was made for
    held = session.info.pop(_HELD, None)
    try:
        yield
    finally:
        if held is not None:
            session.info[_HELD] = held


@contextmanager
def within(session: AnySession, organisation: str) -> Iterator[None]:
    """Act in another organisation for the block."""
    held = session.info.get(_HELD)
    hold(session, organisation)
    try:
        yield
        session.flush()
    finally:
        session.info.pop(_HELD)
        if held is not None:
            hold(session, held)


def pass_on(session: AnySession, organisation: str) -> None:
    """Give to the platform what lasts of an organisation that goes."""
    for kind in Tenanted.__subclasses__():
        if kind.outlives:
            passed = update(kind).where(_column(kind) == organisation).values(organisation=DEFAULT_ORGANISATION)
            session.execute(passed, execution_options={"synchronize_session": False})


def guard(sessions: Any) -> None:
    """Keep organisations apart in all sessions that come from here."""
    event.listen(sessions, "do_orm_execute", _narrow)
    event.listen(sessions, "before_flush", _assign)


def _narrow(state: ORMExecuteState) -> None:
    organisation = state.session.info.get(_HELD)
    if organisation is None or not state.is_orm_statement:
        return
    state.statement = state.statement.options(*(_own(kind, organisation) for kind in Tenanted.__subclasses__()))


@lru_cache(maxsize=1024)  # each statement is narrowed: to make these anew is a good part of what it costs
def _own(kind: type[Tenanted], organisation: str) -> ExecutableOption:
    # A function follows an alias that a join names; an expression would not.
    return with_loader_criteria(kind, lambda found: found.organisation == organisation, include_aliases=True)


def _column(kind: Any) -> Any:
    return kind.organisation


def _assign(session: AnySession, _: UOWTransaction, __: object) -> None:
    for row in session.new:
        if isinstance(row, Tenanted) and row.organisation is None:
            row.organisation = session.info.get(_HELD, DEFAULT_ORGANISATION)
