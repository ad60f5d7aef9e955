"""Revocation (RFC 7009) and introspection (RFC 7662): Authlib's endpoints on our tokens."""

from typing import Any

from authlib.oauth2.rfc6749 import TokenEndpoint
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint

from services.control_plane.oauth.clients import GrantClient
from services.control_plane.oauth.requests import TokenRequest
from services.control_plane.oauth.stored import StoredToken


class _OfAnyToken(TokenEndpoint):
    """A token shows by itself what it is: the hint is not needed (RFC 7009, section 2.1)."""

    def check_params(self, request: TokenRequest, client: GrantClient) -> None:
        """Nothing is left to check of the form."""

    def query_token(self, token: str, _: str | None) -> StoredToken | None:
        found: StoredToken | None = self.server.find_token(token)
        return found


class Revocation(_OfAnyToken, RevocationEndpoint):
    """A client ends its own tokens. One that is not good anyhow is answered the same."""

    def revoke_token(self, token: StoredToken, _: TokenRequest) -> None:
        token.revoke()


class Introspection(_OfAnyToken, IntrospectionEndpoint):
    """A client asks about its own tokens; one of an administrator of the platform about all."""

    def check_permission(self, token: StoredToken, client: GrantClient, _: TokenRequest) -> bool:
        # An application may call a scope of its own `admin`: whose client it is counts.
        return token.check_client(client) or bool(self.server.operates(client.row.id))

    def introspect_token(self, token: StoredToken) -> dict[str, Any]:
        return token.describe()
