"""What `q` finds among APIs: words, and filters such as `tag:demo` or `property:region=eu`."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, get_args

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from services.control_plane.kit.pagination import Listing, PageQuery
from services.control_plane.kit.problems import InvalidError
from services.control_plane.publisher.file_models import Document
from services.control_plane.publisher.models import Api, ApiCategory, ApiProperty, ApiTag
from shared.definition import State

_LISTING: Final = Listing(
    search=(),
    sort={
        "name": col(Api.name),
        "context": col(Api.context),
        "version": col(Api.version),
        "state": col(Api.state),
        "created_at": col(Api.created_at),
        "updated_at": col(Api.updated_at),
    },
    unique=col(Api.id),
)
_STATES: Final[tuple[str, ...]] = get_args(State)
_FILTER: Final = re.compile(r'(?<!\S)(tag|category|state|property):("[^"]*"|\S+)\s*')


def fetch(
    session: Session, statement: SelectOfScalar[Api], query: PageQuery, total: int | None = None, *, private: bool
) -> tuple[Sequence[Api], int]:
    """Return one page of what a query finds in `statement`, and the total, which is counted unless it is known.

    Titles of `private` documents count for publishers. Raises `InvalidError`.
    """
    for condition in _conditions(query.q or "", private=private):
        statement = statement.where(condition)
    return _LISTING.fetch(session, statement, PageQuery(query.limit, query.offset, None, query.sort), total)


def read_query(q: str) -> tuple[list[tuple[str, str]], str]:
    """Return the filters of a query with their values, and the words that are left."""
    filters = [(kind, value.strip('"')) for kind, value in _FILTER.findall(q)]
    return filters, _FILTER.sub("", q).strip()


def _conditions(q: str, *, private: bool) -> Iterator[ColumnElement[bool]]:
    filters, words = read_query(q)
    for kind, value in filters:
        yield _filter(kind, value)
    if words:
        yield _contains(words, private=private)


def _filter(kind: str, value: str) -> ColumnElement[bool]:
    if kind == "state":
        if value.upper() not in _STATES:
            raise InvalidError.of("q", f"state: must be one of {', '.join(_STATES)}")
        return col(Api.state) == value.upper()
    if kind == "tag":
        return _among(select(ApiTag.api_id).where(ApiTag.tag == value))
    if kind == "category":
        return _among(select(ApiCategory.api_id).where(ApiCategory.category == value))
    name, equals, wanted = value.partition("=")
    having = select(ApiProperty.api_id).where(ApiProperty.name == name)
    return _among(having.where(ApiProperty.value == wanted) if equals else having)


def _contains(words: str, *, private: bool) -> ColumnElement[bool]:
    def says(*columns: Any) -> ColumnElement[bool]:
        return or_(*(column.icontains(words, autoescape=True) for column in columns))

    titled = select(Document.api_id).where(says(Document.name))
    return or_(
        says(Api.name, Api.context, Api.description),
        _among(select(ApiTag.api_id).where(says(ApiTag.tag))),
        _among(select(ApiCategory.api_id).where(says(ApiCategory.category))),
        _among(select(ApiProperty.api_id).where(says(ApiProperty.name, ApiProperty.value))),
        _among(titled if private else titled.where(Document.visibility == "api")),
    )


def _among(ids: SelectOfScalar[str]) -> ColumnElement[bool]:
    return col(Api.id).in_(ids)
