import hmac
import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe, jws
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey

from shared.claims import (
    ALGORITHMS,
    MAX_TOKEN_BYTES,
    ExpiredTokenError,
    InvalidTokenError,
    TokenVerifier,
)

NOW = 1_800_000_000
ISSUER, AUDIENCE = "https://issuer.example", "urn:framegate:gateway"
KEY = ECKey.generate_key("P-256", {"kid": "current"})
VERIFIER = TokenVerifier(ISSUER, AUDIENCE, KeySet([KEY]), leeway_seconds=5)
CLAIMS = {
    "iss": ISSUER, "sub": "client", "aud": AUDIENCE, "client_id": "client", "jti": "token-1", "iat": NOW,
    "exp": NOW + 60, "scope": "read write",
}  # fmt: skip
HEADER = {"alg": "ES256", "typ": "at+jwt", "kid": "current"}
SECRET = OctKey.generate_key(256, {"kid": "current"})
OWN = ECKey.generate_key("P-256", {"kid": "current"})
RSA = RSAKey.generate_key(2048, {"kid": "current"})


def sign(
    claims: dict[str, Any] | bytes, header: dict[str, Any] | None = None, key: ECKey | OctKey | OKPKey | RSAKey = KEY
) -> str:
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    head = HEADER | (header or {})
    return jws.serialize_compact(head, payload, key, algorithms=[head["alg"]])


def part(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def confuse() -> str:
    """Return a token whose HMAC key is our public key (RFC 8725, section 2.1)."""
    signed = f"{part({**HEADER, 'alg': 'HS256'})}.{part(CLAIMS)}"
    return f"{signed}.{part(hmac.digest(KEY.as_pem(private=False), signed.encode(), 'sha256'))}"


def encrypted() -> str:
    """Return an encrypted token: what only the recipient can read, nobody vouches for."""
    header = {"alg": "ECDH-ES", "enc": "A128GCM", "typ": "at+jwt", "kid": "current"}
    return jwe.encrypt_compact(header, json.dumps(CLAIMS).encode(), KEY)


def test_a_good_token_says_who_calls() -> None:
    claims = VERIFIER.verify(sign(CLAIMS), NOW)
    assert (claims.client_id, claims.jti, claims.exp) == ("client", "token-1", NOW + 60)
    assert claims.scopes == {"read", "write"}


def test_only_asymmetric_algorithms_are_accepted() -> None:
    assert set(ALGORITHMS) == {"ES256", "RS256", "Ed25519"}


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [("RS256", RSAKey.generate_key(2048, {"kid": "new"})), ("Ed25519", OKPKey.generate_key("Ed25519", {"kid": "new"}))],
)
def test_each_key_verifies_what_was_signed_in_its_own_way(algorithm: str, key: RSAKey | OKPKey) -> None:
    verifier = TokenVerifier(ISSUER, AUDIENCE, KeySet([KEY, key]))
    assert verifier.verify(sign(CLAIMS, {"alg": algorithm, "kid": "new"}, key), NOW).jti == "token-1"
    with pytest.raises(InvalidTokenError, match="signature does not verify"):
        verifier.verify(sign(CLAIMS, {"alg": algorithm}, key), NOW)  # names the key of another algorithm


@pytest.mark.parametrize("typ", ["AT+JWT", "application/at+jwt"])
def test_the_type_may_be_written_in_any_way_of_rfc_9068(typ: str) -> None:
    assert VERIFIER.verify(sign(CLAIMS, {"typ": typ}), NOW).jti == "token-1"


@pytest.mark.parametrize("typ", ["JWT", "", "id+jwt", "at+jwt2"])
def test_another_kind_of_token_is_refused(typ: str) -> None:
    with pytest.raises(InvalidTokenError, match="not an access token"):
        VERIFIER.verify(sign(CLAIMS, {"typ": typ}), NOW)


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(sign(CLAIMS, {"alg": "HS256"}, SECRET), id="HS256"),
        pytest.param(confuse(), id="public key as a secret"),
        pytest.param(sign(CLAIMS, {"alg": "RS256"}, RSA), id="RS256"),
        pytest.param(f"{part({**HEADER, 'alg': 'none'})}.{part(CLAIMS)}.", id="none"),
        pytest.param(f"{part({**HEADER, 'alg': 'None'})}.{part(CLAIMS)}.", id="None"),
        pytest.param(f"{part(HEADER)}.{part(CLAIMS)}.", id="without a signature"),
        pytest.param(f"{part(HEADER)}.{part(CLAIMS)}.{part(bytes(64))}", id="null signature"),  # CVE-2022-21449
        pytest.param(sign(CLAIMS, key=ECKey.generate_key("P-256", {"kid": "current"})), id="another key"),
        pytest.param(sign(CLAIMS, {"kid": "unknown"}), id="unknown kid"),
        pytest.param(sign(CLAIMS, {"alg": "PS256"}, RSA), id="PS256"),
        pytest.param(sign(CLAIMS, {"jwk": OWN.as_dict(private=False)}, OWN), id="brings its own key"),
        pytest.param(sign(CLAIMS, {"jku": "http://127.0.0.1:9/jwks"}, OWN), id="says where its key is"),
        pytest.param(sign(CLAIMS, {"x5u": "http://127.0.0.1:9/x5u"}, OWN), id="says where its certificate is"),
        pytest.param(sign(CLAIMS, {"x5c": ["AAAA"]}, OWN), id="brings its own certificate"),
        pytest.param(encrypted(), id="JWE"),
        pytest.param(
            sign(CLAIMS, {"kid": "own", "jwk": KEY.as_dict(private=False)}, ECKey.generate_key("P-256")),
            id="brings its own key and names it",
        ),
    ],
)
def test_what_our_key_did_not_sign_with_es256_is_refused(token: str) -> None:
    with pytest.raises(InvalidTokenError, match="signature does not verify"):
        VERIFIER.verify(token, NOW)


@pytest.mark.parametrize("place", range(3))
def test_a_changed_part_is_refused(place: int) -> None:
    parts = sign(CLAIMS).split(".")
    parts[place] = sign({**CLAIMS, "sub": "another"}, {"typ": "application/at+jwt"}).split(".")[place]
    with pytest.raises(InvalidTokenError):
        VERIFIER.verify(".".join(parts), NOW)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"iss": "https://other.example"}, "another issuer"),
        ({"iss": ISSUER + "/"}, "another issuer"),
        ({"aud": "urn:framegate:management"}, "another audience"),
        ({"aud": [AUDIENCE]}, "malformed"),
        ({"cnf": {"jkt": "x"}}, "bound to a key"),
        ({"exp": None}, "malformed"),
        ({"exp": "soon"}, "malformed"),
        ({"jti": 5}, "malformed"),
    ],
)
def test_claims_that_do_not_fit_are_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidTokenError, match=said):
        VERIFIER.verify(sign(CLAIMS | change), NOW)


@pytest.mark.parametrize("claim", ["iss", "sub", "aud", "client_id", "jti", "iat", "exp"])
def test_every_claim_of_rfc_9068_is_required(claim: str) -> None:
    with pytest.raises(InvalidTokenError, match="missing"):
        VERIFIER.verify(sign({key: value for key, value in CLAIMS.items() if key != claim}), NOW)


def test_clocks_may_differ_by_the_leeway_and_no_more() -> None:
    token = sign(CLAIMS)
    assert VERIFIER.verify(token, NOW + 64.9).jti == "token-1"
    with pytest.raises(ExpiredTokenError):
        VERIFIER.verify(token, NOW + 65)
    assert VERIFIER.verify(token, NOW - 5).jti == "token-1"
    with pytest.raises(InvalidTokenError, match="not valid yet"):
        VERIFIER.verify(token, NOW - 5.1)
    with pytest.raises(InvalidTokenError, match="not valid yet"):
        VERIFIER.verify(sign(CLAIMS | {"nbf": NOW + 10}), NOW)


def test_a_signed_header_with_an_unknown_crit_is_refused() -> None:
    signed = f"{part({**HEADER, 'crit': ['new'], 'new': 1})}.{part(CLAIMS)}"
    assert KEY.private_key is not None
    r, s = decode_dss_signature(KEY.private_key.sign(signed.encode(), ECDSA(SHA256())))
    with pytest.raises(InvalidTokenError, match="signature does not verify"):
        VERIFIER.verify(f"{signed}.{part(r.to_bytes(32) + s.to_bytes(32))}", NOW)


def test_a_huge_header_is_refused_unread() -> None:
    with pytest.raises(InvalidTokenError, match="too long"):
        VERIFIER.verify(sign(CLAIMS, {"cty": "x" * MAX_TOKEN_BYTES}), NOW)


def test_a_token_that_is_too_long_is_refused_unread() -> None:
    with pytest.raises(InvalidTokenError, match="too long"):
        VERIFIER.verify(sign({**CLAIMS, "scope": "x" * MAX_TOKEN_BYTES}), NOW)


@pytest.mark.parametrize("payload", [b"[" * 3000, b"\xff", b"[]", b"5", b'{"exp": NaN}', b'{"exp": 1e999}'])
def test_a_signed_payload_that_is_no_claims_is_refused(payload: bytes) -> None:
    with pytest.raises(InvalidTokenError):
        VERIFIER.verify(sign(payload), NOW)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
HEADERS = st.dictionaries(st.sampled_from(["alg", "typ", "kid", "crit", "jwk", "x5c", "b64", "zip"]), JSON)


@given(st.one_of(JSON, HEADERS, HEADERS.map(lambda more: HEADER | more)), JSON, st.binary(max_size=70))
def test_whatever_a_header_holds_the_answer_is_a_refusal(header: object, payload: object, signature: bytes) -> None:
    with pytest.raises(InvalidTokenError):
        VERIFIER.verify(f"{part(header)}.{part(payload)}.{part(signature)}", NOW)


@given(st.text(max_size=60))
@pytest.mark.parametrize("prefix", ["", "eyJ", f"{part(HEADER)}.", f"{part(HEADER)}.{part(CLAIMS)}."])
def test_whatever_a_token_is_the_answer_is_a_refusal(prefix: str, text: str) -> None:
    with pytest.raises(InvalidTokenError):
        VERIFIER.verify(prefix + text, NOW)
