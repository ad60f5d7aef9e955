import time
from typing import Any
from uuid import uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from shared.dpop import ProofRefusedError, hash_token, read_proof

KEY, OTHER = (ECKey.generate_key("P-256") for _ in range(2))
NOW = time.time()  # noqa: TID251 - a test's proofs are of now


def prove(header: dict[str, Any] | None = None, **changes: Any) -> str:
    head = {"typ": "dpop+jwt", "alg": "ES256", "jwk": KEY.as_dict(private=False), **(header or {})}
    claims = {"jti": uuid4().hex, "htm": "GET", "htu": "wss://gate.test/echo?x#y", "iat": NOW} | changes
    return jwt.encode(head, claims, KEY)


def test_a_proof_tells_its_key_and_what_it_is_for() -> None:
    proof = read_proof(prove(jti="1", ath="x"))
    assert (proof.thumbprint, proof.address, proof.claims.ath) == (KEY.thumbprint(), "wss://gate.test/echo", "x")
    assert proof.name == f"dpop\0{KEY.thumbprint()}\0" + "1"
    proof.check("GET", NOW)


@pytest.mark.parametrize(("method", "later"), [("POST", 0), ("get", 0), ("GET", 61), ("GET", -11)])
def test_method_and_time_count(method: str, later: float) -> None:
    with pytest.raises(ProofRefusedError):
        read_proof(prove()).check(method, NOW + later)


def test_what_is_no_proof_is_refused() -> None:
    symmetric = OctKey.generate_key(256)
    head = {"typ": "dpop+jwt", "alg": "HS256", "jwk": symmetric.as_dict(private=True)}
    for text in (
        prove({"typ": "JWT"}),
        prove({"jwk": OTHER.as_dict(private=False)}),
        prove({"jwk": KEY.as_dict(private=True)}),
        prove({"cty": "x" * 9000}),
        prove(jti=""),
        prove(iat=float("inf")),
        jwt.encode(head, {"jti": "x", "htm": "GET", "htu": "x", "iat": NOW}, symmetric, ["HS256"]),
        prove()[:-4],
        "a.b.c",
        "",
    ):
        with pytest.raises(ProofRefusedError):
            read_proof(text)


def test_the_hash_of_a_token() -> None:
    # RFC 9449, section 7.1.
    token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
    assert hash_token(token) == "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"
