"""authorization_code with PKCE, and refresh_token: Authlib's grants on our tables."""

from typing import Any, Final

from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, RefreshTokenGrant
from authlib.oauth2.rfc7636 import CodeChallenge

from services.control_plane.oauth.clients import GrantClient
from services.control_plane.oauth.grants import new_code
from services.control_plane.oauth.models import AuthorizationCode, OAuthGrant, RefreshToken
from services.control_plane.oauth.requests import AuthorizationRequest

_METHOD: Final = "S256"


class S256(CodeChallenge):
    """PKCE (RFC 7636) for every client, and never `plain`."""

    SUPPORTED_CODE_CHALLENGE_METHOD: Final = [_METHOD]

    def validate_code_challenge(self, grant: "CodeGrant", redirect_uri: str) -> None:
        parameters = grant.request.payload.data
        if "code_challenge" not in parameters or parameters.get("code_challenge_method") != _METHOD:
            raise InvalidRequestError("PKCE is needed: code_challenge, and S256 as code_challenge_method.")
        super().validate_code_challenge(grant, redirect_uri)
        grant.request.client.check_resource(parameters.get("resource"))

    def get_authorization_code_challenge_method(self, _: "_GrantedCode") -> str:
        return _METHOD


class _GrantedCode:
    """A code as Authlib looks at it."""

    def __init__(self, grant: OAuthGrant, row: AuthorizationCode) -> None:
        self.grant = grant
        self.row = row
        self.code_challenge = row.code_challenge

    def get_redirect_uri(self) -> str:
        return self.row.redirect_uri

    def get_scope(self) -> str:
        return " ".join(self.grant.scopes)


class _GrantedRefresh:
    """A token that refreshes, as Authlib looks at it. That it is the client's was seen when it was found."""

    def __init__(self, grant: OAuthGrant, row: RefreshToken) -> None:
        self.grant = grant
        self.row = row

    def check_client(self, client: GrantClient) -> bool:
        return self.grant.client_id == client.row.id

    def get_scope(self) -> str:
        return " ".join(self.grant.scopes)


class CodeGrant(AuthorizationCodeGrant):
    def save_authorization_code(self, code: str, request: AuthorizationRequest) -> None:
        parameters = request.payload.data
        now = self.server.now()
        row = new_code(code, parameters["redirect_uri"], parameters["code_challenge"], now)
        scopes = request.scope.split()
        self.server.grants.begin(self.server.session, request.client.row, request.user, scopes, row)

    def query_authorization_code(self, code: str, client: GrantClient) -> _GrantedCode | None:
        found = self.server.grants.take_code(self.server.session, code, client.row.id)
        return _GrantedCode(*found) if found else None

    def delete_authorization_code(self, code: _GrantedCode) -> None:
        code.row.used_at = self.server.now()  # it stays, so that a second use is noticed

    def authenticate_user(self, code: _GrantedCode) -> OAuthGrant:
        return _check_subject(self.server, code.grant)


class RefreshGrant(RefreshTokenGrant):
    INCLUDE_NEW_REFRESH_TOKEN: Final = True

    def validate_token_request(self) -> None:
        # The client is kept by Authlib only afterwards, but a token is looked for among its own.
        self.request.client = self._validate_request_client()
        token = self._validate_request_token(self.request.client)
        self._validate_token_scope(token)
        self.request.refresh_token = token

    def authenticate_refresh_token(self, token: str) -> _GrantedRefresh | None:
        found = self.server.grants.take_refresh_token(self.server.session, token, self.request.client.row.id)
        if found is None:
            return None
        grant, row = found
        if row.thumbprint not in (None, self.server.thumbprint):
            raise InvalidGrantError("It is bound to a key: send a DPoP proof by that key.")
        return _GrantedRefresh(grant, row)

    def revoke_old_credential(self, token: _GrantedRefresh) -> None:
        token.row.used_at = self.server.now()

    def authenticate_user(self, token: _GrantedRefresh) -> OAuthGrant:
        return _check_subject(self.server, token.grant)


def _check_subject(server: Any, grant: OAuthGrant) -> OAuthGrant:
    """Return the grant if whoever gave it is still there."""
    if not server.knows(grant.subject):
        raise InvalidGrantError("Whoever allowed it is gone.")
    return grant
