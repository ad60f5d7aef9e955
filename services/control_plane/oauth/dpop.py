"""Proofs that a client holds a key (RFC 9449), which its token is then bound to."""

from datetime import UTC, datetime

from sqlmodel import Session

from services.control_plane.kit.clock import Clock
from services.control_plane.oauth import repository
from shared.dpop import ProofRefusedError, read_proof


class DpopReader:
    """Verifies proofs for the token endpoint. Each is good once."""

    def __init__(self, token_endpoint: str, clock: Clock) -> None:
        self._token_endpoint = token_endpoint
        self._clock = clock

    def read(self, session: Session, text: str) -> str:
        """Return the thumbprint of the key that a proof was signed with. Raises `ProofRefusedError`."""
        proof = read_proof(text)
        proof.check("POST", self._clock().timestamp())
        if proof.address != self._token_endpoint:
            raise ProofRefusedError("meant for another request")
        if not repository.use_once(session, proof.name, datetime.fromtimestamp(proof.good_until, UTC)):
            raise ProofRefusedError("used before")
        return proof.thumbprint
