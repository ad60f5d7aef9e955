from datetime import UTC, date, datetime
from typing import Annotated, Final, Literal

from fastapi import Query
from pydantic import AwareDatetime, BaseModel, Field

from services.control_plane.kit.pagination import Page
from shared.definition import KeyType

MAX_ROWS: Final = 5000
MAX_LINES: Final = 10_000
MAX_OFFSET: Final = 10_000_000
MONTH: Final = r"^\d{4}-(0[1-9]|1[0-2])$"

FIRST_DAY: Final = date(2000, 1, 1)
LAST_DAY: Final = date(9000, 1, 1)
"""Beyond these nothing was counted, and calendars end."""

Time = Annotated[
    AwareDatetime,
    Field(ge=datetime(FIRST_DAY.year, 1, 1, tzinfo=UTC), le=datetime(LAST_DAY.year, 1, 1, tzinfo=UTC)),
]
Group = Literal["api", "application", "key_type"]


class UsageQuery(BaseModel):
    """Which usage is asked for, and in which parts. Bounds are moved out to full steps; `until` is not in it."""

    model_config = {"extra": "forbid"}

    step: Annotated[Literal["minute", "hour", "day", "total"], Field(description="the parts of time")] = "hour"
    group_by: Annotated[list[Group], Field(max_length=3, description="what is counted apart")] = []
    since: Time | None = None
    until: Time | None = None
    month: Annotated[str | None, Field(pattern=MONTH, description="2026-01, in place of since and until")] = None
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


class Gap(BaseModel):
    """What may be missing, of all that a pod counted.

    `pod_lost`: it was killed, and took along what it counted between these times. `batches_lost`: Redis lost `count`
    batches. `no_room`: `count` counts found no room in the pod, while Redis was away. `bill_began`, of bills alone:
    until then none were kept.
    """

    pod: str
    cause: Literal["pod_lost", "batches_lost", "no_room", "bill_began"]
    since: datetime
    until: datetime
    count: int


class BillQuery(BaseModel):
    """Which part of a bill is asked for."""

    model_config = {"extra": "forbid"}

    month: Annotated[str, Field(pattern=MONTH, description="2026-01, by UTC")]
    limit: Annotated[int, Field(ge=1, le=MAX_LINES)] = MAX_LINES
    offset: Annotated[int, Field(ge=0, le=MAX_OFFSET)] = 0
    format: Literal["json", "csv"] = "json"


AskedBill = Annotated[BillQuery, Query()]


class BillLine(BaseModel):
    """What one application used of one API under one policy. Names are those of the month's first use."""

    owner: str
    application_id: str
    application: str
    api_id: str
    api: str
    version: str
    policy: str
    key_type: KeyType
    opened: int
    messages_published: int
    messages_delivered: int
    bytes_published: int
    bytes_delivered: int
    messages_dropped: int
    delayed_ms: int
    connected_ms: int


class Bill(Page[BillLine]):
    """`closed` says that the month no longer changes: what comes later is in the month in which it comes."""

    month: str
    closed: bool
    incomplete: list[Gap]


class Quantiles(BaseModel):
    """Where the middle of `count` values is, and their upper ends: exact to within a factor of two."""

    count: int
    p50: float
    p90: float
    p99: float


class UsageReport(BaseModel):
    """`refused` counts handshakes by the slug of the problem, `closed` connections by `<cause>:<close code>`.

    The quantiles are those of messages' payloads each way, and of the gateway's pings: none where there was nothing.
    `truncated` says that there are more rows than were asked for, `incomplete` what may be missing.
    """

    since: datetime
    until: datetime
    step: Literal["minute", "hour", "day", "total"]
    items: list[UsageItem]
    truncated: bool
    refused: dict[str, int]
    closed: dict[str, int]
    incomplete: list[Gap] = []
    published_message_bytes: Quantiles | None = None
    delivered_message_bytes: Quantiles | None = None
    round_trip_ms: Quantiles | None = None
