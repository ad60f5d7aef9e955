from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.addresses import AddressPolicy


class Settings(BaseSettings):
    """A pod's settings, from FRAMEGATE_* variables."""

    model_config = SettingsConfigDict(env_prefix="FRAMEGATE_", frozen=True)

    redis_url: str = "redis://127.0.0.1:6379/0"
    endpoint_allow: str = ""
    endpoint_deny: str = ""
    tls_cert: Path | None = None
    tls_key: Path | None = None
    drain_seconds: float = Field(default=30, ge=0)
    on_redis_loss: Literal["allow", "deny"] = "allow"
    demo: bool = False

    @field_validator("endpoint_allow", "endpoint_deny")
    @classmethod
    def _check_networks(cls, value: str) -> str:
        AddressPolicy.parse(value, "")
        return value

    @property
    def addresses(self) -> AddressPolicy:
        """Which backends may be dialled."""
        return AddressPolicy.parse(self.endpoint_allow, self.endpoint_deny, demo=self.demo)
