from collections.abc import Mapping
from typing import Any

from sqlmodel import Session

from services.control_plane.environments import repository
from services.control_plane.environments.errors import KeptEnvironmentError, by_setting
from services.control_plane.environments.models import GatewayEnvironment
from services.control_plane.environments.schemas import EnvironmentCreate, EnvironmentRead, EnvironmentWrite
from services.control_plane.kit import audit, preconditions
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.merge_patch import patched
from services.control_plane.kit.problems import NotFoundError
from shared.definition import DEFAULT_ENVIRONMENT

_URLS = ("gateway_url", "gateway_tls_url")


class EnvironmentService:
    """Keeps the environments. Pods know only their own label: nothing here is pushed to them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def prepare(self, session: Session, gateway_url: str, gateway_tls_url: str | None) -> None:
        """Make the default environment what the settings say."""
        found = repository.find(session, DEFAULT_ENVIRONMENT)
        if found is None:
            now = self._clock()
            found = GatewayEnvironment(
                name=DEFAULT_ENVIRONMENT, gateway_url=gateway_url, created_at=now, updated_at=now
            )
            session.add(found)
        elif (found.gateway_url, found.gateway_tls_url) == (gateway_url, gateway_tls_url):
            return
        found.gateway_url, found.gateway_tls_url, found.updated_at = gateway_url, gateway_tls_url, self._clock()
        session.flush()

    def get(self, session: Session, name: str) -> GatewayEnvironment:
        environment = repository.find(session, name)
        if environment is None:
            raise NotFoundError
        return environment

    def create(self, session: Session, body: EnvironmentCreate) -> GatewayEnvironment:
        now = self._clock()
        environment = GatewayEnvironment(**body.model_dump(), created_at=now, updated_at=now)
        repository.add(session, environment)
        audit.record(session, "environment.create", "environment", environment.name)
        return environment

    def replace(
        self, session: Session, environment: GatewayEnvironment, body: EnvironmentWrite, if_match: str | None
    ) -> None:
        preconditions.check(if_match, environment.row_version)
        for field, value in body.model_dump().items():
            if environment.name == DEFAULT_ENVIRONMENT and field in _URLS and value != getattr(environment, field):
                raise by_setting(field)
            setattr(environment, field, value)
        environment.updated_at = self._clock()
        session.flush()
        audit.record(session, "environment.update", "environment", environment.name)

    def patch(
        self, session: Session, environment: GatewayEnvironment, patch: Mapping[str, Any], if_match: str | None
    ) -> None:
        current = EnvironmentWrite.model_validate(read_environment(environment).model_dump())
        self.replace(session, environment, patched(current, patch), if_match)

    def delete(self, session: Session, environment: GatewayEnvironment, if_match: str | None) -> None:
        """Delete an environment that no API names. Raises `EnvironmentInUseError`."""
        preconditions.check(if_match, environment.row_version)
        if environment.name == DEFAULT_ENVIRONMENT:
            raise KeptEnvironmentError(environment.name)
        repository.delete(session, environment)
        audit.record(session, "environment.delete", "environment", environment.name)


def read_environment(environment: GatewayEnvironment) -> EnvironmentRead:
    return EnvironmentRead.model_validate(environment.model_dump(include=set(EnvironmentRead.model_fields)))
