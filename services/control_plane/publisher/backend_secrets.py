"""What proves to a backend that the gateway calls: sealed in SQL and on its way, and read by the pods alone."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from services.control_plane.kit.security import Sealer, UnsealError
from services.control_plane.publisher.backend_schemas import Kept
from services.control_plane.publisher.errors import SecretsLostError, nothing_to_keep
from services.control_plane.publisher.models import Api
from shared.backend_tls import make_context
from shared.definition import BackendCredentials

Field = Literal["client_certificate", "backend_credentials"]


@dataclass(frozen=True, slots=True)
class BackendAccess:
    """How an API's backends are spoken to: over which TLS, with which headers."""

    tls: ssl.SSLContext
    headers: Mapping[str, str] = field(repr=False)


class BackendSecrets:
    """Seals with a key of its own, which the pods are given: the platform's secret key they never see."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def replace(self, field: Field, sealed: str | None, given: str | Kept | None) -> str | None:
        """Return what is stored from now on. Raises `InvalidError` where there is nothing to keep."""
        if given is None:
            return None
        if given is True:
            if sealed is None:
                raise nothing_to_keep(field)
            return sealed
        # The same secret stays sealed as it is: what did not change is no news for the pods.
        return sealed if sealed and self._holds(sealed, given) else self._sealer.seal(given)

    def open(self, api: Api) -> BackendAccess:
        """Return what a pod makes of an API's fields. Raises `SecretsLostError`."""
        try:
            certificate, credentials = (
                sealed and self._sealer.unseal(sealed)
                for sealed in (api.sealed_client_certificate, api.sealed_backend_credentials)
            )
        except UnsealError as error:
            raise SecretsLostError from error
        headers = dict(api.set_headers)
        if credentials:
            header = BackendCredentials.model_validate_json(credentials)
            headers[header.header] = header.value
        return BackendAccess(make_context(api.ca_certificate, certificate), headers)

    def _holds(self, sealed: str, text: str) -> bool:
        try:
            return self._sealer.unseal(sealed) == text
        except UnsealError:
            return False
