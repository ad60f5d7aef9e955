from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel


class ApiDocument(SQLModel, table=True):
    """The AsyncAPI document that an API was given, as it was given: its lists don't read it."""

    __tablename__ = "api_document"

    api_id: str = Field(primary_key=True, foreign_key="api.id", ondelete="CASCADE")
    content: dict[str, Any] = Field(sa_type=JSON)
