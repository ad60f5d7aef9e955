from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from services.control_plane.issuers.schemas import WebUrl
from services.control_plane.kit.schemas import WriteBody
from services.control_plane.kit.text import Description
from services.control_plane.workflow.choices import DeliveryState
from services.control_plane.workflow.events import EventFilter


class WebhookWrite(WriteBody):
    """Where events are sent, and which: all of them where `events` is empty."""

    read_only = WriteBody.read_only | {"pending", "failures", "due_at"}

    url: WebUrl
    description: Description = ""
    events: Annotated[list[EventFilter], Field(max_length=100, default_factory=list)]
    active: bool = True


class WebhookRead(BaseModel):
    """A webhook, how many events wait for it, and how often in a row it has failed."""

    id: str
    url: str
    description: str
    events: list[str]
    active: bool
    pending: int
    failures: int
    due_at: datetime
    created_at: datetime
    updated_at: datetime


class WebhookCreated(WebhookRead):
    """A new webhook with the secret that signs what it is sent: it is shown this once."""

    secret: str


class DeliveryRead(BaseModel):
    """One event on its way to a webhook. `id` is what the receiver sees as `webhook-id`."""

    id: str
    event: str
    state: DeliveryState
    attempts: int
    queued_at: datetime
    attempted_at: datetime | None
    status: int | None
    error: str | None
