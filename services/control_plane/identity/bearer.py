"""Access tokens that callers bring, for whichever audience."""

from dataclasses import dataclass

from sqlmodel import Session

from services.control_plane.identity.errors import UnauthorizedError
from services.control_plane.kit.clock import Clock
from services.control_plane.oauth.revocation import Revocations
from services.control_plane.oauth.tokens import PublicKeys
from shared.claims import AccessClaims, ExpiredTokenError, InvalidTokenError, TokenVerifier


@dataclass(frozen=True, slots=True)
class BearerVerifier:
    """Verifies tokens of ours, first without the database, so that strangers cost it nothing."""

    issuer: str
    keys: PublicKeys
    revocations: Revocations
    clock: Clock

    def verify(self, token: str, audience: str, hint: str = "") -> AccessClaims:
        """Return the claims of a token that was signed for an audience. Raises `UnauthorizedError`."""
        verifier = TokenVerifier(self.issuer, audience, self.keys.public)
        try:
            return verifier.verify(token, self.clock().timestamp())
        except ExpiredTokenError as error:
            raise UnauthorizedError("The token has expired.") from error
        except InvalidTokenError as error:
            raise UnauthorizedError(f"The token is not valid: {error}. {hint}".strip()) from error

    def check_revoked(self, session: Session, claims: AccessClaims) -> None:
        """Raise `UnauthorizedError` for a token that was revoked."""
        if self.revocations.contains(session, claims.jti):
            raise UnauthorizedError("The token was revoked.")
