from datetime import datetime
from typing import Annotated, Final, Literal

from fastapi import Query
from pydantic import AwareDatetime, BaseModel, Field

from shared.definition import KeyType

MAX_ROWS: Final = 5000

Group = Literal["api", "application", "key_type"]


class UsageQuery(BaseModel):
    """Which usage is asked for, and in which parts. Bounds are moved out to full steps; `until` is not in it."""

    model_config = {"extra": "forbid"}

    step: Annotated[Literal["minute", "hour", "day", "total"], Field(description="the parts of time")] = "hour"
    group_by: Annotated[list[Group], Field(max_length=3, description="what is counted apart")] = []
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    month: Annotated[
        str | None, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$", description="2026-01, in place of since and until")
    ] = None
    limit: Annotated[
        int, Field(ge=1, le=MAX_ROWS, description="rows at most: by time, and within it those with most messages first")
    ] = 1000
    format: Literal["json", "csv"] = "json"


Asked = Annotated[UsageQuery, Query()]


class UsageItem(BaseModel):
    """What is not counted apart is left out."""

    at: datetime | None = None
    api_id: str | None = None
    api: str | None = None
    application_id: str | None = None
    application: str | None = None
    key_type: KeyType | None = None
    opened: int
    messages_published: int
    messages_delivered: int
    bytes_published: int
    bytes_delivered: int
    messages_dropped: int
    delayed_ms: int
    connected_ms: int


class UsageReport(BaseModel):
    """`refused` counts handshakes by the slug of the problem, `closed` connections by `<cause>:<close code>`.

    `truncated` says that there are more rows than were asked for.
    """

    since: datetime
    until: datetime
    step: Literal["minute", "hour", "day", "total"]
    items: list[UsageItem]
    truncated: bool
    refused: dict[str, int]
    closed: dict[str, int]
