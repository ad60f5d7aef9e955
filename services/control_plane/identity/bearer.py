"""Access tokens that callers bring, for whichever audience."""

from dataclasses import dataclass

from sqlmodel import Session

from services.control_plane.identity.errors import InvalidProofError, UnauthorizedError
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.database import Database
from services.control_plane.oauth.dpop import DpopReader
from services.control_plane.oauth.revocation import Revocations
from services.control_plane.oauth.tokens import PublicKeys
from shared.claims import AccessClaims, ExpiredTokenError, InvalidTokenError, TokenVerifier
from shared.dpop import Proof, ProofRefusedError


@dataclass(frozen=True, slots=True)
class Credential:
    """A token as a request brought it. With the scheme DPoP there are `proofs` of the key that it is bound to."""

    token: str
    proofs: tuple[str, ...] | None
    method: str
    path: str


@dataclass(frozen=True, slots=True)
class BearerVerifier:
    """Verifies tokens of ours, first without the database, so that strangers cost it nothing."""

    issuer: str
    keys: PublicKeys
    revocations: Revocations
    proofs: DpopReader
    database: Database
    clock: Clock

    def verify(self, credential: Credential, audience: str, hint: str = "") -> AccessClaims:
        """Return the claims of a token that was signed for an audience. Raises `ProblemError`."""
        proof = self._read_proof(credential)
        verifier = TokenVerifier(self.issuer, audience, self.keys.public)
        try:
            claims = verifier.verify(credential.token, self.clock().timestamp(), proof.thumbprint if proof else None)
        except ExpiredTokenError as error:
            raise UnauthorizedError("The token has expired.") from error
        except InvalidTokenError as error:
            raise UnauthorizedError(f"The token is not valid: {error}. {hint}".strip()) from error
        if proof is not None:
            self._use(proof)
        return claims

    def check_revoked(self, session: Session, jti: str) -> None:
        """Raise `UnauthorizedError` for a token that was revoked."""
        if self.revocations.contains(session, jti):
            raise UnauthorizedError("The token was revoked.")

    def _read_proof(self, credential: Credential) -> Proof | None:
        if credential.proofs is None:
            return None
        try:
            (text,) = credential.proofs  # RFC 9449, section 4.3: exactly one
            return self.proofs.check(text, credential.method, credential.path, credential.token)
        except (ValueError, ProofRefusedError) as error:
            raise InvalidProofError from error

    def _use(self, proof: Proof) -> None:
        """Use a proof up, whatever becomes of the request."""
        with self.database.writing() as session:
            try:
                self.proofs.use(session, proof)
            except ProofRefusedError as error:
                raise InvalidProofError from error
