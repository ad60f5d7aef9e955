"""What an API's documents are as they come and go: Markdown, a link or a file."""

from datetime import datetime
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator

from services.control_plane.kit.schemas import WriteBody
from services.control_plane.kit.text import Name, refuse_controls, refuse_invisible

MAX_DOCUMENTS: Final = 50
"""Of one API."""

MAX_MARKDOWN_LENGTH: Final = 64_000
MAX_FILE_BYTES: Final = 1 << 19

DocumentType = Literal["HOWTO", "SAMPLES", "FORUM", "SUPPORT", "OTHER"]
DocumentSource = Literal["markdown", "url", "file"]
DocumentVisibility = Literal["api", "private"]


def check_link(value: str) -> str:
    """Return an https URL as it is. Raises `ValueError`."""
    refuse_controls(value)
    parts = urlsplit(value)
    if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc:
        raise ValueError("must be an https:// URL without credentials")
    if not value.isascii() or any(char in value for char in ' "<>\\^`{|}'):
        raise ValueError("must be percent-encoded")
    return value


Link = Annotated[str, StringConstraints(max_length=2000), AfterValidator(check_link)]
Markdown = Annotated[str, StringConstraints(max_length=MAX_MARKDOWN_LENGTH), AfterValidator(refuse_invisible)]
FileName = Annotated[
    str, StringConstraints(min_length=1, max_length=120, pattern=r"^[^/\\]+$"), AfterValidator(refuse_controls)
]
Summary = Annotated[str, StringConstraints(max_length=500), AfterValidator(refuse_controls)]


class DocumentWrite(WriteBody):
    """A document as it is put. Its file, where it is one, is put apart."""

    read_only = WriteBody.read_only | {"file_name", "file_bytes"}

    name: Name
    type: DocumentType = "OTHER"
    summary: Summary = ""
    visibility: DocumentVisibility = "api"
    source: DocumentSource = "markdown"
    markdown: Annotated[Markdown | None, Field(validate_default=True)] = None
    url: Link | None = None

    @model_validator(mode="after")
    def _check_source(self) -> Self:
        if self.source == "url" and self.url is None:
            raise ValueError("a document with source 'url' needs url")
        for field in ("markdown", "url"):
            if field != self.source and getattr(self, field) is not None:
                raise ValueError(f"{field} goes with source '{field}' alone")
        return self


class FileBody(BaseModel):
    """What a file is saved as."""

    file: FileName


class DocumentRead(BaseModel):
    id: str
    name: str
    type: DocumentType
    summary: str
    visibility: DocumentVisibility
    source: DocumentSource
    url: str | None
    file_name: str | None
    file_bytes: int | None
    created_at: datetime
    updated_at: datetime


class DocumentContentRead(DocumentRead):
    """A document with its text: lists go without."""

    markdown: str | None
