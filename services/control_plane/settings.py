from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from services.control_plane.environments.schemas import check_gateway_url
from services.control_plane.identity.oidc import Client, check_provider_url
from services.control_plane.kit.database import check_url
from services.control_plane.kit.security import MIN_KEY_LENGTH
from services.control_plane.oauth.keyring import SigningAlgorithm
from shared.addresses import AddressPolicy
from shared.observing import ObservedSettings
from shared.redis_url import read_redis_url

MIN_BOOTSTRAP_SECRET_LENGTH: Final = 16

_DEMO_SECRET_KEY: Final = "framegate demo: not a secret, never for production"  # noqa: S105 - as it says
_DEMO_PASSWORD: Final = "admin"  # noqa: S105 - the demo's, and printed by it


class Settings(ObservedSettings):
    """What the control plane is told by its environment. `docs/reference/settings.md` lists the same."""

    model_config = SettingsConfigDict(env_prefix="FRAMEGATE_", frozen=True, extra="ignore", hide_input_in_errors=True)

    database_url: str = "sqlite:///./framegate.db"
    redis_url: str = "redis://127.0.0.1:6379/0"
    admin_username: str = "admin"
    admin_password: SecretStr | None = None
    bootstrap_client_id: str | None = None
    bootstrap_client_secret: SecretStr | None = None
    secret_key: SecretStr | None = None
    signing_algorithm: SigningAlgorithm = "ES256"
    public_url: str = "http://localhost:8000"
    gateway_url: str = "ws://localhost:9099"
    gateway_tls_url: str | None = None
    endpoint_allow: str = ""
    endpoint_deny: str = ""
    tls_cert: Path | None = None
    tls_key: Path | None = None
    self_registration: bool = False
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    oidc_roles_claim: str | None = None
    session_idle_seconds: int = Field(1800, ge=60, le=86_400)
    session_seconds: int = Field(43_200, ge=60, le=2_592_000)
    demo: bool = False

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, value: str) -> str:
        check_url(value)
        return value

    @field_validator("redis_url")
    @classmethod
    def _check_redis_url(cls, value: str) -> str:
        read_redis_url(value)
        return value

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, value: str) -> str:
        return _base_url(value, "http", "https")

    @field_validator("gateway_url", "gateway_tls_url")
    @classmethod
    def _check_gateway_url(cls, value: str | None) -> str | None:
        return check_gateway_url(value) if value else value

    @field_validator("oidc_issuer")
    @classmethod
    def _check_oidc_issuer(cls, value: str | None) -> str | None:
        return check_provider_url(value) if value else None

    @field_validator("endpoint_allow", "endpoint_deny")
    @classmethod
    def _check_networks(cls, value: str) -> str:
        AddressPolicy.parse(value, "")
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.secret_key is None and not self.demo:
            raise ValueError("FRAMEGATE_SECRET_KEY is needed")
        if self.secret_key is not None and len(self.secret_key.get_secret_value()) < MIN_KEY_LENGTH:
            raise ValueError(f"FRAMEGATE_SECRET_KEY must have {MIN_KEY_LENGTH} characters or more")
        if (self.bootstrap_client_id is None) != (self.bootstrap_client_secret is None):
            raise ValueError("FRAMEGATE_BOOTSTRAP_CLIENT_ID and FRAMEGATE_BOOTSTRAP_CLIENT_SECRET go together")
        oidc = [bool(value) for value in (self.oidc_issuer, self.oidc_client_id, self.oidc_client_secret)]
        if any(oidc) and not all(oidc):
            raise ValueError(
                "FRAMEGATE_OIDC_ISSUER, FRAMEGATE_OIDC_CLIENT_ID and FRAMEGATE_OIDC_CLIENT_SECRET go together"
            )
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("FRAMEGATE_TLS_CERT and FRAMEGATE_TLS_KEY go together")
        if not self.demo:
            self._refuse_weak()
        return self

    def _refuse_weak(self) -> None:
        secret = self.bootstrap_client_secret
        if secret is not None and len(secret.get_secret_value()) < MIN_BOOTSTRAP_SECRET_LENGTH:
            raise ValueError(
                f"FRAMEGATE_BOOTSTRAP_CLIENT_SECRET must have {MIN_BOOTSTRAP_SECRET_LENGTH} characters or more"
            )
        password = self.admin_password
        if password is not None and password.get_secret_value() in ("", _DEMO_PASSWORD, self.admin_username):
            raise ValueError("FRAMEGATE_ADMIN_PASSWORD is too easily guessed")

    @property
    def sealing_key(self) -> str:
        return self.secret_key.get_secret_value() if self.secret_key else _DEMO_SECRET_KEY

    @property
    def first_password(self) -> str | None:
        """The first administrator's password, or None where one must be made."""
        if self.admin_password is not None:
            return self.admin_password.get_secret_value()
        return _DEMO_PASSWORD if self.demo else None

    @property
    def oidc_client(self) -> Client | None:
        """What the control plane is to the OpenID provider that people may sign in at."""
        if not (self.oidc_issuer and self.oidc_client_id and self.oidc_client_secret):
            return None
        return Client(self.oidc_issuer, self.oidc_client_id, self.oidc_client_secret.get_secret_value())

    @property
    def addresses(self) -> AddressPolicy:
        """Where backends may be."""
        return AddressPolicy.parse(self.endpoint_allow, self.endpoint_deny, demo=self.demo)


def _base_url(value: str, *schemes: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in schemes or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError(f"must be a URL of {' or '.join(schemes)}, without query or credentials")
    return value.rstrip("/")
