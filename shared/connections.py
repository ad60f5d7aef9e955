"""Open connections and the pods that have them: what the control plane asks, and what pods say."""

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field, TypeAdapter

from shared.claims import AccessClaims
from shared.contract import Contract
from shared.definition import DEFAULT_ENVIRONMENT, ApiId, KeyType
from shared.subscription import ApplicationId

ANSWER_SECONDS: Final = 1.5
"""How long a question waits for its answers."""

MOST_LISTED: Final = 1000
"""So many connections a worker describes at most, for one question."""

Closer = Literal["closed_by_administrator", "closed_by_publisher", "closed_by_subscriber"]


class Selection(Contract):
    """Which connections are meant: those that match all that is set.

    `text` is looked for in names and addresses, `application` is a name or an id as a whole. Names of owners are no
    proof: a person and a service may share one.
    An older pod must not leave out what it doesn't know, for it would close more than is meant: it understands nothing
    then, and we don't say what isn't set.
    """

    model_config = ConfigDict(extra="forbid")

    id: str | None = None
    pod: str | None = None
    api_id: ApiId | None = None
    application_id: ApplicationId | None = None
    application_ids: frozenset[ApplicationId] | None = None
    owner: str | None = None
    address: str | None = None
    text: str | None = None
    application: str | None = None


class ListConnections(Contract):
    """Describe the first so many: the oldest, or the newest."""

    kind: Literal["list"] = "list"
    selection: Selection
    first: int = Field(ge=0, le=MOST_LISTED)
    newest: bool = False


class CloseConnections(Contract):
    """Close them all."""

    kind: Literal["close"] = "close"
    selection: Selection
    reason: Closer


class RenewConnection(Contract):
    """Have a connection go on with another token, whose signature was verified."""

    kind: Literal["renew"] = "renew"
    id: str
    claims: AccessClaims
    key_id: str | None = None


class WatchConnections(Contract):
    """Tell for a while what happens on connections, in the stream of this id; of messages one in `sample`.

    Asked again, go on for as long again.
    """

    kind: Literal["watch"] = "watch"
    id: str
    selection: Selection
    sample: int = Field(default=1, ge=1)


Question = ListConnections | CloseConnections | RenewConnection | WatchConnections

QUESTION: Final[TypeAdapter[Question]] = TypeAdapter(Annotated[Question, Field(discriminator="kind")])


class OpenConnection(Contract):
    """A connection, for whoever may know of it. Times are in seconds of the epoch."""

    id: str
    pod: str
    api_id: ApiId
    context: str
    version: str
    application_id: ApplicationId | None
    application: str | None
    owner: str | None
    key_type: KeyType
    user: str | None
    address: str
    opened_at: float
    expires_at: float | None
    idle_seconds: float
    messages_published: int
    messages_delivered: int
    bytes_published: int
    bytes_delivered: int


class Answer(Contract):
    """What one worker has: how many connections match, and those that were to be described.

    `refused` is the slug of why a connection can't be renewed.
    """

    matched: int = 0
    connections: tuple[OpenConnection, ...] = ()
    refused: str | None = None
    detail: str | None = None
    expires_at: float | None = None


class Beat(Contract):
    """What a worker says of itself each second.

    `refused` holds kind, id and reason of each object it couldn't take. Up to `usage_until` its usage is sent.
    """

    pod: str
    host: str
    version: str
    at: float
    started_at: float
    draining: bool
    revision: int | None
    digest: str | None
    connections: int
    environment: str = DEFAULT_ENVIRONMENT
    refused: tuple[tuple[str, str, str], ...] = ()
    usage_until: float | None = None
