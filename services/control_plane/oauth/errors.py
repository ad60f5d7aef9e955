"""Errors of the OAuth endpoints, which keep the bodies of RFC 6749."""

from authlib.oauth2.rfc6749.errors import InvalidClientError as AuthlibInvalidClientError


class InvalidClientError(AuthlibInvalidClientError):  # type: ignore[misc] # Authlib ships no types
    """The same answer for an unknown client and a wrong secret (RFC 6749, section 5.2)."""

    status_code = 401
    description = "Client authentication failed."

    def get_headers(self) -> list[tuple[str, str]]:
        headers: list[tuple[str, str]] = [
            (name, value) for name, value in super().get_headers() if name != "WWW-Authenticate"
        ]
        return [*headers, ("WWW-Authenticate", 'Basic realm="framegate"')]
