from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Text
from sqlmodel import Field

from services.control_plane.kit.columns import Versioned


class ExternalIssuer(Versioned, table=True):
    """An issuer that is not ours, with its keys as they were read last.

    `checked_at` says when they were last asked for, `fetched_at` when they came, and `failure` why they did not.
    """

    __tablename__ = "external_issuer"

    name: str = Field(primary_key=True)
    issuer: str = Field(unique=True)
    audience: str
    application_claim: str | None = None
    jwks_uri: str | None = None
    introspection_url: str | None = None
    introspection_client_id: str | None = None
    sealed_introspection_secret: str | None = Field(default=None, sa_type=Text, repr=False)
    keys: list[dict[str, Any]] = Field(sa_type=JSON)
    checked_at: datetime
    fetched_at: datetime
    failure: str | None = None
    created_at: datetime
    updated_at: datetime
