"""The device authorization grant (RFC 8628): Authlib's endpoint and grant on our tables."""

from typing import Any, Final

from authlib.oauth2.rfc6749 import AccessDeniedError, InvalidGrantError, InvalidScopeError, UnauthorizedClientError
from authlib.oauth2.rfc8628 import (
    AuthorizationPendingError,
    DeviceAuthorizationEndpoint,
    DeviceCodeGrant,
    ExpiredTokenError,
    SlowDownError,
)

from services.control_plane.kit.security import new_secret
from services.control_plane.oauth.clients import GrantClient
from services.control_plane.oauth.devices import INTERVAL_SECONDS, VALIDITY
from services.control_plane.oauth.models import DeviceCode
from services.control_plane.oauth.requests import TokenRequest
from services.control_plane.oauth.service import DEVICE_CODE


class DeviceAuthorization(DeviceAuthorizationEndpoint):
    EXPIRES_IN: Final = int(VALIDITY.total_seconds())
    INTERVAL: Final = INTERVAL_SECONDS

    def authenticate_client(self, request: TokenRequest) -> GrantClient:
        client: GrantClient = super().authenticate_client(request)
        if not client.check_grant_type(DEVICE_CODE):
            raise UnauthorizedClientError
        if client.get_allowed_scope(request.payload.scope) is None:
            raise InvalidScopeError
        self.server.devices.admit(request.address)
        return client

    def generate_device_code(self) -> str:
        return new_secret()

    def get_verification_uri(self) -> str:
        return str(self.server.verification_uri)

    def save_device_credential(self, client_id: str, scope: str | None, data: dict[str, Any]) -> None:
        scopes = self.server.query_client(client_id).get_allowed_scope(scope).split()
        self.server.devices.keep(self.server.session, client_id, scopes, data["device_code"], data["user_code"])


class _WaitingDevice:
    """A device's code as Authlib looks at it."""

    def __init__(self, row: DeviceCode) -> None:
        self.row = row

    def get_client_id(self) -> str:
        return self.row.client_id

    def get_scope(self) -> str:
        return " ".join(self.row.scopes)


class DeviceGrant(DeviceCodeGrant):
    def query_device_credential(self, device_code: str) -> _WaitingDevice:
        row = self.server.devices.find(self.server.session, device_code)
        if row is None:
            raise InvalidGrantError("There is no such code: it was used, or has expired.")
        return _WaitingDevice(row)

    def validate_device_credential(self, credential: _WaitingDevice) -> str:
        """Return who allowed it. Raises an error of RFC 8628, section 3.5."""
        row = credential.row
        if row.expires_at <= self.server.now():
            raise ExpiredTokenError
        if row.denied:
            raise AccessDeniedError
        if row.subject is None:
            raise SlowDownError if self.server.devices.is_hasty(row) else AuthorizationPendingError
        if not self.server.knows(row.subject):
            raise InvalidGrantError("Whoever allowed it is gone.")
        return row.subject

    def create_token_response(self) -> Any:
        session, row = self.server.session, self.request.credential.row
        with session.begin_nested():  # without a token there is no grant, and the code stays good
            self.request.user = self.server.grants.begin_for_device(session, row)
            response = super().create_token_response()
        session.delete(row)
        return response
