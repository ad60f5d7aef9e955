from datetime import datetime
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, StringConstraints

from services.control_plane.kit.schemas import WriteBody
from services.control_plane.kit.text import Description, Word, refuse_controls


def check_gateway_url(value: str) -> str:
    """Return where a gateway is, without a slash at the end. Raises `ValueError`."""
    parts = urlsplit(value)
    if parts.scheme not in ("ws", "wss") or not parts.hostname or "?" in value or "#" in value or "@" in parts.netloc:
        raise ValueError("must be a URL of ws or wss, without query or credentials")
    if not value.isascii() or any(char in value for char in ' "<>\\^`{|}'):
        raise ValueError("must be percent-encoded")
    return value.rstrip("/")


GatewayUrl = Annotated[
    str, StringConstraints(max_length=500), AfterValidator(refuse_controls), AfterValidator(check_gateway_url)
]


class EnvironmentWrite(WriteBody):
    """What is said of a gateway environment. The URLs are those that the store shows."""

    read_only = WriteBody.read_only | {"name"}

    description: Description = ""
    gateway_url: GatewayUrl
    gateway_tls_url: GatewayUrl | None = None


class EnvironmentCreate(EnvironmentWrite):
    """`name` is the label that pods have by `FRAMEGATE_ENVIRONMENT`."""

    read_only = EnvironmentWrite.read_only - {"name"}

    name: Word


class EnvironmentRead(BaseModel):
    name: str
    description: str
    gateway_url: str
    gateway_tls_url: str | None
    created_at: datetime
    updated_at: datetime
