"""Clients as Authlib's grants look at them."""

import re
from typing import Final

from authlib.oauth2.rfc6749.util import scope_to_list

from services.control_plane.oauth.errors import InvalidTargetError
from services.control_plane.oauth.models import OAuthClient
from services.control_plane.oauth.service import AUTHORIZATION_CODE

_LOOPBACK: Final = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\])):\d{1,5}(/.*)")


def _without_port(uri: str) -> str:
    """Return a loopback address without its port, which a program takes as it comes (RFC 8252, section 7.3)."""
    found = _LOOPBACK.fullmatch(uri)
    return found[1] + found[2] if found else uri


class GrantClient:
    """A client that has authenticated itself, or that a browser named."""

    def __init__(self, row: OAuthClient) -> None:
        self.row = row

    def get_client_id(self) -> str:
        return self.row.id

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.row.grant_types

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code" and self.check_grant_type(AUTHORIZATION_CODE)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Compare as text: no path below, no other query (RFC 9700, section 4.1.3)."""
        if self.row.public:
            redirect_uri = _without_port(redirect_uri)
        return redirect_uri in self.row.redirect_uris

    def get_default_redirect_uri(self) -> None:
        """There is none: it must be said each time."""

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """Return what was asked for, or else all; None where the client may not have it."""
        wanted = list(dict.fromkeys(scope_to_list(scope) or self.row.scopes))
        return " ".join(wanted) if set(wanted) <= set(self.row.scopes) else None

    def check_resource(self, resource: str | None) -> None:
        """See that tokens are meant for what was named (RFC 8707). Raises `InvalidTargetError`."""
        if resource is not None and resource != self.row.audience:
            raise InvalidTargetError
