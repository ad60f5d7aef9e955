"""What SQLModel has no words for: rows inserted unless they are there, and deleted a bounded number at a time."""

from collections.abc import Collection, Mapping, Sequence
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


def add_up(session: Session, model: type[SQLModel], rows: Sequence[Mapping[str, Any]], counts: Collection[str]) -> None:
    """Insert rows; where there is one with the same key, add the `counts` to those that it has.

    The rows come in the order of their keys: so two transactions wait for each other in one direction alone.
    """
    insert: Any = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    key = [column.name for column in inspect(model).primary_key]
    ordered = sorted(rows, key=lambda row: [str(row[name]) for name in key])
    for start in range(0, len(ordered), BATCH):
        statement = insert(model).values(ordered[start : start + BATCH])
        sums = {name: getattr(model, name) + statement.excluded[name] for name in counts}
        session.execute(statement.on_conflict_do_update(index_elements=key, set_=sums))


def delete_until(session: Session, time: datetime | None, until: datetime, limit: int = BATCH, **equal: object) -> bool:
    """Delete rows by a column of theirs that is not after `until`, and tell whether there may be more of them.

    With `equal`, of those alone whose columns have these values. What another transaction is at is left alone.
    """
    column = col(time)
    model = column.class_  # type: ignore[attr-defined] # a column of a model, and so typed as its value
    key = inspect(model).primary_key
    rows = select(*key).where(column <= until).filter_by(**equal).limit(limit).with_for_update(skip_locked=True)
    deleted = delete(model).where(tuple_(*key).in_(rows)).returning(*key)
    return len(session.execute(deleted, execution_options={"synchronize_session": False}).all()) == limit
