"""What an API's backends are shown of the gateway: over which TLS, and with which credentials."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from cryptography.fernet import Fernet, InvalidToken

from services.data_plane.attached import Attached
from services.data_plane.connection import Headers
from services.data_plane.refusal import come_back_later
from shared.backend_tls import make_context
from shared.definition import ApiDefinition, BackendCredentials

_LOCKED: Final = "What proves to the backend that the gateway calls can't be read yet."


@dataclass(frozen=True, slots=True)
class BackendAccess:
    tls: ssl.SSLContext
    headers: Headers = field(repr=False)


class AccessBook:
    """Opens what is sealed in a definition, once, and keeps it as long as the definition."""

    def __init__(self, find_key: Callable[[], str | None]) -> None:
        self._find_key = find_key
        self._system = make_context(None, None)
        self._opened: Attached[BackendAccess] = Attached()

    def of(self, api: ApiDefinition) -> BackendAccess:
        """Return the access to an API's backends. Raises `RefusedError` while it can't be read."""
        return self._opened.of(api, lambda: self._open(api))

    def _open(self, api: ApiDefinition) -> BackendAccess:
        try:
            certificate = self._unseal(api.sealed_client_certificate)
            credentials = self._unseal(api.sealed_backend_credentials)
            sent = BackendCredentials.model_validate_json(credentials) if credentials else None
        except (InvalidToken, ValueError) as error:  # a ValueError: what should be a key is none
            raise come_back_later("not_ready", _LOCKED) from error
        headers: Headers = ((sent.header, sent.value),) if sent else ()
        own = api.ca_certificate or certificate
        return BackendAccess(make_context(api.ca_certificate, certificate) if own else self._system, headers)

    def _unseal(self, sealed: str | None) -> str | None:
        if sealed is None:
            return None
        key = self._find_key()
        if key is None:
            raise come_back_later("not_ready", _LOCKED)
        return Fernet(key).decrypt(sealed).decode()
