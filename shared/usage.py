"""What pods count, on its way to the control plane's database."""

from collections.abc import Mapping

from pydantic import Field

from shared.contract import Contract
from shared.definition import ApiId, KeyType
from shared.subscription import ApplicationId

MINUTE_SECONDS = 60


class UsageRow(Contract):
    """What happened in one minute between one application and one API.

    `minute` is its first second, of the epoch. There is no application where an API asks for no credentials, or
    a caller was refused before it was known. `refused` counts handshakes by slug, `closed` connections by
    `<cause>:<close code>`.
    """

    minute: int
    api_id: ApiId | None = None
    application_id: ApplicationId | None = None
    key_type: KeyType = "PRODUCTION"
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


class UsageBatch(Contract):
    """Some rows of one worker. The same `worker` and `number` come twice only with the same rows."""

    worker: str
    number: int = Field(ge=0)
    rows: tuple[UsageRow, ...]
