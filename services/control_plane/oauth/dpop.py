"""Proofs that a client holds a key (RFC 9449), which its token is then bound to."""

from datetime import UTC, datetime

from sqlmodel import Session

from services.control_plane.kit.clock import Clock
from services.control_plane.oauth import repository
from shared.dpop import Proof, ProofRefusedError, hash_token, read_proof


class DpopReader:
    """Verifies proofs for requests to the control plane, which clients reach at `base`. Each is good once."""

    def __init__(self, base: str, clock: Clock) -> None:
        self._base = base
        self._clock = clock

    def check(self, text: str, method: str, path: str, token: str | None = None) -> Proof:
        """Return a proof that was made for a request, and for the token in it. Raises `ProofRefusedError`."""
        proof = read_proof(text)
        proof.check(method, self._clock().timestamp())
        if proof.address != self._base + path:
            raise ProofRefusedError("meant for another request")
        if token is not None and proof.claims.ath != hash_token(token):
            raise ProofRefusedError("meant for another token")
        return proof

    def use(self, session: Session, proof: Proof) -> None:
        """Use a proof up. Raises `ProofRefusedError` where it was."""
        if not repository.use_once(session, proof.name, datetime.fromtimestamp(proof.good_until, UTC)):
            raise ProofRefusedError("used before")
