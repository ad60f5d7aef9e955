"""The grant type jwt-bearer (RFC 7523, section 2.1): an assertion in the place of a secret."""

from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError, UnauthorizedClientError
from authlib.oauth2.rfc7523 import JWTBearerGrant

from services.control_plane.oauth.assertions import AssertionRefusedError
from services.control_plane.oauth.clients import GrantClient


class AssertionGrant(JWTBearerGrant):
    """A client asks for itself: it may speak for nobody else."""

    def validate_token_request(self) -> None:
        assertion = self.request.form.get("assertion")
        if not assertion:
            raise InvalidRequestError("The parameter assertion is missing.")
        try:
            client = GrantClient(self.server.assertions.read(self.server.session, assertion))
        except AssertionRefusedError as error:
            raise InvalidGrantError("The assertion is not valid.") from error
        if not client.check_grant_type(self.GRANT_TYPE):
            raise UnauthorizedClientError
        client.check_resource(self.request.payload.data.get("resource"))
        self.request.client = client
