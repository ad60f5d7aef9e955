from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from fastapi import Depends, Query
from pydantic import BaseModel, StringConstraints
from pydantic.functional_validators import AfterValidator

from services.control_plane.kit.pagination import MAX_LIMIT, Page
from services.control_plane.kit.text import Id, refuse_controls
from shared.connections import MOST_LISTED, OpenConnection, Selection
from shared.definition import ApiId, KeyType
from shared.subscription import ApplicationId

MOST_TAIL_SECONDS: Final = 600
MAX_OFFSET: Final = MOST_LISTED - MAX_LIMIT

Text = Annotated[str, StringConstraints(max_length=100), AfterValidator(refuse_controls)]


class ConnectionQuery:
    """Which connections are meant, be it of all APIs or of one."""

    def __init__(
        self,
        application_id: Id | None = None,
        pod: Id | None = None,
        owner: Annotated[Text | None, Query(description="the account that owns the application")] = None,
        address: Annotated[Text | None, Query(description="the client's")] = None,
        q: Annotated[Text | None, Query(description="what names or addresses contain")] = None,
    ) -> None:
        self.selection = Selection(
            application_id=ApplicationId(application_id) if application_id else None,
            pod=pod,
            owner=owner,
            address=address,
            text=q,
        )


async def _of_an_api(query: Annotated[ConnectionQuery, Depends()], api_id: Id | None = None) -> ConnectionQuery:
    query.selection = query.selection.model_copy(update={"api_id": api_id and ApiId(api_id)})
    return query


class ConnectionPaging:
    """What part of the connections is asked for, the oldest first unless said."""

    def __init__(
        self,
        limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 25,
        offset: Annotated[int, Query(ge=0, le=MAX_OFFSET)] = 0,
        sort: Literal["opened_at", "-opened_at"] = "opened_at",
    ) -> None:
        self.limit = limit
        self.offset = offset
        self.newest = sort == "-opened_at"


class TailQuery:
    """Of which connections what is watched, and for how long."""

    def __init__(
        self,
        application: Annotated[Text | None, Query(description="its name or id")] = None,
        sample: Annotated[int, Query(ge=1, le=1_000_000, description="of messages one in so many is told")] = 1,
        seconds: Annotated[int, Query(ge=1, le=MOST_TAIL_SECONDS, description="after which it ends")] = 300,
    ) -> None:
        self.selection = Selection(application=application)
        self.sample = sample
        self.seconds = seconds


async def _tail_of_an_api(query: Annotated[TailQuery, Depends()], api_id: Id | None = None) -> TailQuery:
    query.selection = query.selection.model_copy(update={"api_id": api_id and ApiId(api_id)})
    return query


WatchingOne = Annotated[TailQuery, Depends()]
Watching = Annotated[TailQuery, Depends(_tail_of_an_api)]
SelectingOfOne = Annotated[ConnectionQuery, Depends()]
Selecting = Annotated[ConnectionQuery, Depends(_of_an_api)]
PartOf = Annotated[ConnectionPaging, Depends()]
Everything = Annotated[
    bool, Query(alias="all", description="whether to close all connections, where no filter says which")
]


class ConnectionRead(BaseModel):
    id: str
    pod: str
    api_id: str
    context: str
    version: str
    application_id: str | None
    application: str | None
    owner: str | None
    key_type: KeyType
    user: str | None
    address: str
    opened_at: datetime
    expires_at: datetime | None
    idle_seconds: float
    messages_published: int
    messages_delivered: int
    bytes_published: int
    bytes_delivered: int


class ConnectionPage(Page[ConnectionRead]):
    """`unanswered` counts workers of pods that said nothing in time: what they have is missing."""

    unanswered: int


class ConnectionsClosed(BaseModel):
    closed: int
    unanswered: int


class ConnectionRenewed(BaseModel):
    id: str
    expires_at: datetime | None


class RefusedObject(BaseModel):
    kind: str
    id: str
    reason: str


class GatewayRead(BaseModel):
    """A pod. `current` says that it serves what the control plane has; `revision` is its slowest worker's."""

    id: str
    host: str
    environment: str
    version: str
    state: Literal["serving", "draining", "lost"]
    workers: int
    connections: int
    revision: int | None
    digest: str | None
    current: bool
    refused: list[RefusedObject]
    started_at: datetime
    last_heartbeat: datetime


class GatewayPage(Page[GatewayRead]):
    """`revision` is the newest that pods can have."""

    revision: int


def read_connection(connection: OpenConnection) -> ConnectionRead:
    times = {"opened_at": _time(connection.opened_at), "expires_at": _time(connection.expires_at)}
    return ConnectionRead.model_validate(connection.model_dump() | times)


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
