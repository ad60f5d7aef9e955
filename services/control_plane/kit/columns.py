"""Columns and mixins that several domains share."""

from typing import Any, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import JSON, Dialect
from sqlalchemy.orm import declared_attr
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel

T = TypeVar("T")


class AsJson(TypeDecorator[T]):
    """Keeps a typed value as JSON, and reads it back as that type."""

    impl = JSON
    cache_ok = True

    def __init__(self, kind: type[T] | Any) -> None:
        super().__init__(none_as_null=True)
        self.kind = kind
        self._adapter: TypeAdapter[T] = TypeAdapter(kind)

    def process_bind_param(self, value: T | None, dialect: Dialect) -> Any:
        del dialect
        return None if value is None else self._adapter.dump_python(value, mode="json")

    def process_result_value(self, value: Any, dialect: Dialect) -> T | None:
        del dialect
        return None if value is None else self._adapter.validate_python(value)


class Versioned(SQLModel):
    """Counts the changes of a row, and refuses to overwrite one that was not seen."""

    row_version: int = Field(default=1, nullable=False)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805 - SQLAlchemy calls it with the class
        return {"version_id_col": vars(cls)["__table__"].c.row_version}
