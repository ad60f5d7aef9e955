from pathlib import Path
from typing import Literal, Self

from pydantic import Field, FilePath, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from services.data_plane.forwarded import TrustedProxies
from shared.addresses import AddressPolicy
from shared.definition import DEFAULT_ENVIRONMENT
from shared.observing import ObservedSettings
from shared.redis_url import read_redis_url


class Settings(ObservedSettings):
    """A pod's settings, from FRAMEGATE_* variables."""

    model_config = SettingsConfigDict(
        env_prefix="FRAMEGATE_", env_ignore_empty=True, frozen=True, hide_input_in_errors=True
    )

    redis_url: str = "redis://127.0.0.1:6379/0"
    environment: str = Field(default=DEFAULT_ENVIRONMENT, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)
    gateway_url: str | None = None
    gateway_tls_url: str | None = None
    endpoint_allow: str = ""
    endpoint_deny: str = ""
    tls_cert: FilePath | None = None
    tls_key: FilePath | None = None
    trusted_proxies: str = ""
    proxy_protocol: bool = False
    snapshot: Path | None = None
    drain_seconds: float = Field(default=30, ge=0)
    max_handshakes_per_second: int | None = Field(default=None, ge=1)
    max_staleness_seconds: float | None = Field(default=None, ge=5)
    on_stale: Literal["serve", "refuse_new", "close"] = "serve"
    on_redis_loss: Literal["allow", "deny"] = "allow"
    demo: bool = False

    @field_validator("redis_url")
    @classmethod
    def _check_redis_url(cls, value: str) -> str:
        read_redis_url(value)
        return value

    @field_validator("endpoint_allow", "endpoint_deny")
    @classmethod
    def _check_networks(cls, value: str) -> str:
        AddressPolicy.parse(value, "")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, value: str) -> str:
        TrustedProxies.parse(value)
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("FRAMEGATE_TLS_CERT and FRAMEGATE_TLS_KEY go together")
        if self.proxy_protocol and not self.trusted_proxies:
            raise ValueError("FRAMEGATE_PROXY_PROTOCOL needs FRAMEGATE_TRUSTED_PROXIES: it is taken from nobody else")
        if self.on_stale != "serve" and self.max_staleness_seconds is None:
            raise ValueError("FRAMEGATE_ON_STALE needs FRAMEGATE_MAX_STALENESS_SECONDS")
        return self

    @property
    def gateways(self) -> tuple[str, ...]:
        """The URLs under which clients know the pods, without a slash at the end."""
        return tuple(url.rstrip("/") for url in (self.gateway_url, self.gateway_tls_url) if url)

    @property
    def addresses(self) -> AddressPolicy:
        """Which backends may be dialled."""
        return AddressPolicy.parse(self.endpoint_allow, self.endpoint_deny, demo=self.demo)
