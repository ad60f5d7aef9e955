"""What pods count, on its way to the control plane's database."""

from collections.abc import Mapping

from pydantic import Field

from shared.contract import Contract
from shared.definition import ApiId, KeyType
from shared.subscription import ApplicationId

MINUTE_SECONDS = 60


class UsageRow(Contract):
    """What happened in one minute between one application and one API, under one policy of its subscription.

    `minute` is its first second, of the epoch. There is no application where an API asks for no credentials, or
    a caller was refused before it was known. `refused` counts handshakes by slug, `closed` connections by
    `<cause>:<close code>`. `published_sizes` and `delivered_sizes` count messages by the exponent of their size, and
    `round_trips` pings by that of their microseconds: of a value from over 64 up to 128 it is `7`.
    """

    minute: int
    api_id: ApiId | None = None
    application_id: ApplicationId | None = None
    key_type: KeyType = "PRODUCTION"
    policy: str = ""
    opened: int = Field(default=0, ge=0)
    messages_published: int = Field(default=0, ge=0)
    messages_delivered: int = Field(default=0, ge=0)
    bytes_published: int = Field(default=0, ge=0)
    bytes_delivered: int = Field(default=0, ge=0)
    messages_dropped: int = Field(default=0, ge=0)
    delayed_ms: int = Field(default=0, ge=0)
    connected_ms: int = Field(default=0, ge=0)
    refused: Mapping[str, int] = {}
    closed: Mapping[str, int] = {}
    published_sizes: Mapping[str, int] = {}
    delivered_sizes: Mapping[str, int] = {}
    round_trips: Mapping[str, int] = {}


class UsageBatch(Contract):
    """Some rows of one worker. The same `worker` and `number` come twice only with the same rows.

    `last` says that the worker goes, and takes nothing along; `lost` how many counts found no room in it before.
    """

    worker: str
    number: int = Field(ge=0)
    rows: tuple[UsageRow, ...]
    pod: str = ""
    last: bool = False
    lost: int = Field(default=0, ge=0)
