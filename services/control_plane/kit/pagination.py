"""Lists: `limit`, `offset`, `q`, `sort`, and the answer with its total."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, StringConstraints
from pydantic.functional_validators import AfterValidator
from sqlalchemy import ColumnElement, func, or_
from sqlmodel import Session, select
from sqlmodel.sql.expression import SelectOfScalar

from services.control_plane.kit.problems import InvalidError
from services.control_plane.kit.text import refuse_controls

T = TypeVar("T")

MAX_LIMIT: Final = 100
MAX_OFFSET: Final = 1_000_000_000


class Page(BaseModel, Generic[T]):
    items: list[T]
    total: int
    limit: int
    offset: int


class PageQuery:
    """What part of a list is asked for."""

    def __init__(
        self,
        limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 25,
        offset: Annotated[int, Query(ge=0, le=MAX_OFFSET)] = 0,
        q: Annotated[
            str | None,
            StringConstraints(max_length=100),
            AfterValidator(lambda text: text and refuse_controls(text)),
            Query(description="only what contains this"),
        ] = None,
        sort: Annotated[str | None, Query(max_length=50, description="a field's name; `-name` for descending")] = None,
    ) -> None:
        self.limit = limit
        self.offset = offset
        self.q = q
        self.sort = sort


Paging = Annotated[PageQuery, Depends()]


def count(session: Session, statement: SelectOfScalar[Any]) -> int:
    """Return how many rows a statement finds."""
    return session.exec(select(func.count()).select_from(statement.order_by(None).subquery())).one()


class Listing:
    """How one kind of resource is listed: the fields to search in and to sort by; the first is the default."""

    def __init__(self, *, search: Sequence[Any], sort: Mapping[str, Any], unique: Any) -> None:
        self._search = search
        self._sort = sort
        self._unique = unique

    def fetch(
        self, session: Session, statement: SelectOfScalar[T], query: PageQuery, total: int | None = None
    ) -> tuple[Sequence[T], int]:
        """Return the rows of one page and the total, which is counted unless it is known.

        Raises `InvalidError` for an unknown `sort`.
        """
        if query.q:
            statement = statement.where(or_(*(column.icontains(query.q, autoescape=True) for column in self._search)))
        order = self._order(query.sort)
        if total is None:
            total = count(session, statement)
        rows = session.exec(statement.order_by(*order).limit(query.limit).offset(query.offset)).all()
        return rows, total

    def _order(self, sort: str | None) -> list[ColumnElement[Any]]:
        name = sort or next(iter(self._sort))
        descending = name.startswith("-")
        column = self._sort.get(name.removeprefix("-"))
        if column is None:
            raise InvalidError.of("sort", f"must be one of: {', '.join(self._sort)}; with '-' before it for descending")
        return [column.desc() if descending else column.asc(), self._unique.asc()]
