"""What pods tell of connections while somebody watches: never what is sent, nor where to, nor by which credential."""

from typing import Final, Literal

from shared.contract import Contract
from shared.definition import ApiId, KeyType
from shared.subscription import ApplicationId

TAIL_SECONDS: Final = 5.0
"""How long a worker tells, unless it is asked again: then nobody watches any more."""

RENEW_SECONDS: Final = 2.0

STREAM_BATCHES: Final = 200
STREAM_SECONDS: Final = 30
"""What a stream keeps at most, and for how long, where nobody reads it."""

Direction = Literal["publish", "subscribe"]


class TailEvent(Contract):
    """Something that happened. `at` is in seconds of the epoch.

    `cause` is why a handshake was refused, or a connection closed; `code` the HTTP status or the close code. Of a
    message there is its `size` in bytes as they went over the wire, and in how many frames it came.
    """

    event: Literal["opened", "refused", "closed", "message"]
    at: float
    connection: str
    address: str
    api_id: ApiId | None = None
    context: str | None = None
    version: str | None = None
    application_id: ApplicationId | None = None
    application: str | None = None
    key_type: KeyType | None = None
    cause: str | None = None
    code: int | None = None
    direction: Direction | None = None
    size: int | None = None
    frames: int | None = None
    seconds: float | None = None
    messages_published: int | None = None
    messages_delivered: int | None = None
    bytes_published: int | None = None
    bytes_delivered: int | None = None


class TailBatch(Contract):
    """Some events of one worker. `total` counts all `since` it began to tell, those left out too."""

    worker: str
    since: float
    total: int
    events: tuple[TailEvent, ...]
