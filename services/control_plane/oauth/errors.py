"""Errors of the OAuth endpoints, which keep the bodies of RFC 6749."""

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.errors import InvalidClientError as AuthlibInvalidClientError


class InvalidClientError(AuthlibInvalidClientError):
    """The same answer for an unknown client and a wrong secret (RFC 6749, section 5.2)."""

    status_code = 401
    description = "Client authentication failed."

    def get_headers(self) -> list[tuple[str, str]]:
        headers: list[tuple[str, str]] = [
            (name, value) for name, value in super().get_headers() if name != "WWW-Authenticate"
        ]
        return [*headers, ("WWW-Authenticate", 'Basic realm="framegate"')]


class SlowDownError(OAuth2Error):
    """Too many wrong secrets: the right one must wait too."""

    error = "temporarily_unavailable"
    description = "Too many failed attempts."
    status_code = 429

    def __init__(self, wait_seconds: int) -> None:
        super().__init__()
        self._wait_seconds = wait_seconds

    def get_headers(self) -> list[tuple[str, str]]:
        return [*super().get_headers(), ("Retry-After", str(self._wait_seconds))]


class InvalidTargetError(OAuth2Error):
    """RFC 8707, section 2: a resource that no token is issued for."""

    error = "invalid_target"
    description = "The resource must be the audience of the client's tokens."


class InvalidProofError(OAuth2Error):
    """RFC 9449, section 5: the key that a token shall be bound to is not proven."""

    error = "invalid_dpop_proof"
    description = "The DPoP proof is not valid."
