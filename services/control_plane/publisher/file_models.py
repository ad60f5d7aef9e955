"""Pictures and documents of APIs, apart from the APIs: lists don't read them."""

from datetime import datetime
from typing import Any, get_args

from sqlalchemy import CheckConstraint, LargeBinary, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from services.control_plane.kit.columns import Versioned
from services.control_plane.publisher.document_schemas import DocumentSource, DocumentType, DocumentVisibility


def _one_of(column: str, allowed: Any) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(map(repr, get_args(allowed)))})", name=column)


class ApiThumbnail(SQLModel, table=True):
    __tablename__ = "api_thumbnail"

    api_id: str = Field(primary_key=True, foreign_key="api.id", ondelete="CASCADE")
    content: bytes = Field(sa_type=LargeBinary)


class Document(Versioned, table=True):
    """What a publisher tells of an API. The file of one that is a file stands in a table of its own."""

    __tablename__ = "document"
    __table_args__ = (
        UniqueConstraint("api_id", "name"),
        _one_of("type", DocumentType),
        _one_of("source", DocumentSource),
        _one_of("visibility", DocumentVisibility),
    )

    id: str = Field(primary_key=True)
    api_id: str = Field(foreign_key="api.id", ondelete="CASCADE")
    name: str
    type: str
    summary: str = ""
    visibility: str
    source: str
    markdown: str | None = Field(default=None, sa_type=Text)
    url: str | None = None
    file_name: str | None = None
    file_bytes: int | None = None
    created_at: datetime
    updated_at: datetime


class DocumentFile(SQLModel, table=True):
    __tablename__ = "document_file"

    document_id: str = Field(primary_key=True, foreign_key="document.id", ondelete="CASCADE")
    content: bytes = Field(sa_type=LargeBinary)
