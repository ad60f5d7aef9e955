"""What SQLModel has no words for: rows inserted unless they are there, and deleted a bounded number at a time."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, inspect, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel, col

BATCH: Final = 1000
"""So few rows are deleted at a time: nobody waits long for the locks."""


def insert_new(session: Session, model: type[SQLModel], **values: Any) -> bool:
    """Insert a row unless there is one with its key, and tell whether it is new.

    This waits for another transaction that inserts the same key.
    """
    insert: Any = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    inserted = insert(model).values(**values).on_conflict_do_nothing().returning(*inspect(model).primary_key)
    return session.execute(inserted).first() is not None


def delete_until(session: Session, time: datetime | None, until: datetime, limit: int = BATCH) -> bool:
    """Delete rows by a column of theirs that is not after `until`, and tell whether there may be more of them.

    What another transaction is at is left alone.
    """
    column = col(time)
    model = column.class_  # type: ignore[attr-defined] # a column of a model, and so typed as its value
    key = inspect(model).primary_key
    rows = select(*key).where(column <= until).limit(limit).with_for_update(skip_locked=True)
    deleted = delete(model).where(tuple_(*key).in_(rows)).returning(*key)
    return len(session.execute(deleted, execution_options={"synchronize_session": False}).all()) == limit
