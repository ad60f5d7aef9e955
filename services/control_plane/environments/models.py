from datetime import datetime

from sqlmodel import Field

from services.control_plane.kit.columns import Versioned


class GatewayEnvironment(Versioned, table=True):
    """A group of pods under one label, and where clients reach them."""

    __tablename__ = "gateway_environment"

    name: str = Field(primary_key=True)
    description: str = ""
    gateway_url: str
    gateway_tls_url: str | None = None
    created_at: datetime
    updated_at: datetime

    @property
    def urls(self) -> list[str]:
        return [url for url in (self.gateway_url, self.gateway_tls_url) if url]
