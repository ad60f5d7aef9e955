"""Access tokens that no verifier may take, and the one that they are made of, which all must."""

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jwe
from joserfc.jwk import ECKey, RSAKey

Claims = Mapping[str, Any]

STRANGER: Final = ECKey.generate_key("P-256", {"kid": "stranger"})
RSA: Final = RSAKey.generate_key(2048, {"kid": "stranger"})
NOBODY: Final = "http://127.0.0.1:9/"
KINDS: Final = ("JWT", "id+jwt", "logout+jwt", "dpop+jwt", "secevent+jwt", "token-introspection+jwt", "at+jwt, JWT")


def sign(header: str, payload: str, key: ECKey) -> str:
    """Sign a header and a payload as they are, sound or not."""
    signed = f"{_encode(header)}.{_encode(payload)}"
    assert key.private_key is not None
    r, s = decode_dss_signature(key.private_key.sign(signed.encode(), ECDSA(SHA256())))
    return f"{signed}.{_encode(r.to_bytes(32) + s.to_bytes(32))}"


def good(key: ECKey, claims: Claims) -> str:
    return sign(json.dumps(_header(key)), json.dumps(claims), key)


def forged(key: ECKey, claims: Claims) -> dict[str, str]:
    """Return forgeries by what they try. What the issuer's key signed is what no issuer would sign."""
    return dict([*_without_the_key(key, claims), *_of_a_stranger(key, claims), *_signed_by_us(key, claims)])


def _without_the_key(key: ECKey, claims: Claims) -> Iterator[tuple[str, str]]:
    payload = _encode(json.dumps(claims))
    for algorithm in ("none", "None", "nOnE", ""):
        yield f"alg {algorithm!r}", f"{_encode(json.dumps(_header(key, alg=algorithm)))}.{payload}."
    signed = f"{_encode(json.dumps(_header(key, alg='HS256')))}.{payload}"
    public = key.as_dict(private=False)
    for form, secret in (
        ("PEM", key.as_pem(private=False)),
        ("DER", key.as_der(private=False)),
        ("JWK", json.dumps(public).encode()),
        ("x", str(public["x"]).encode()),
    ):
        yield (
            f"our public key as a secret, {form}",
            f"{signed}.{_encode(hmac.digest(secret, signed.encode(), 'sha256'))}",
        )
    header, _, signature = good(key, claims).split(".")
    another = _encode(json.dumps({**claims, "sub": "another"}))
    yield "another payload", f"{header}.{another}.{signature}"
    yield "without a signature", f"{header}.{payload}."
    yield "a null signature", f"{header}.{payload}.{_encode(bytes(64))}"
    yield "two parts", f"{header}.{payload}"
    yield "alg none behind ES256", f"{_encode(_twice(key, 'alg', 'none'))}.{payload}."
    encrypting = {"alg": "ECDH-ES", "enc": "A128GCM", "typ": "at+jwt", "kid": str(key.kid)}
    recipient = ECKey.import_key(key.as_pem(private=False))  # no longer said to be for signatures alone
    encrypted = jwe.encrypt_compact(encrypting, json.dumps(claims).encode(), recipient)
    assert encrypted.count(".") == 4
    yield "a JWE", encrypted


def _of_a_stranger(key: ECKey, claims: Claims) -> Iterator[tuple[str, str]]:
    public = STRANGER.as_dict(private=False)
    brought: dict[str, dict[str, object]] = {
        "our kid": {},
        "jwk": {"jwk": public},
        "jwk and no kid": {"jwk": public, "kid": None},
        "jwk and its kid": {"jwk": public, "kid": "stranger"},
        "jku": {"jku": f"{NOBODY}jwks", "kid": "stranger"},
        "x5u": {"x5u": f"{NOBODY}x5u"},
        "x5c": {"x5c": ["MIIB"]},
        "x5t": {"x5t#S256": "AAAA"},
    }
    for name, header in brought.items():
        yield f"a stranger's, with {name}", sign(json.dumps(_header(key, **header)), json.dumps(claims), STRANGER)
    for kid in ("../../../dev/null", "' OR '1'='1", "\0", "", 0, [str(key.kid)], {"kid": str(key.kid)}, NOBODY):
        yield (
            f"a stranger's, with the kid {kid!r}",
            sign(json.dumps(_header(key, kid=kid)), json.dumps(claims), STRANGER),
        )


def _signed_by_us(key: ECKey, claims: Claims) -> Iterator[tuple[str, str]]:
    for typ in (*KINDS, "", None, ["at+jwt"]):
        yield f"typ {typ!r}", sign(json.dumps(_header(key, typ=typ)), json.dumps(claims), key)
    # RFC 7515, section 4, and RFC 7519, section 4: of two members the last counts, if they aren't refused.
    yield "two typ, the last another", sign(_twice(key, "typ", "id+jwt"), json.dumps(claims), key)
    twice = json.dumps(claims)[:-1] + ', "aud": "urn:elsewhere"}'
    yield "two aud, the last another's", sign(json.dumps(_header(key)), twice, key)
    for crit in (["exp"], ["new"], [], "b64", ["b64"]):
        header = _header(key, crit=crit, new=1, b64=False)
        yield f"crit {crit!r}", sign(json.dumps(header), json.dumps(claims), key)
    yield "an unencoded payload", sign(json.dumps(_header(key, b64=False)), json.dumps(claims), STRANGER)
    yield "a huge header", sign(json.dumps(_header(key, cty="x" * 5000)), json.dumps(claims), key)


def _header(key: ECKey, **changes: object) -> dict[str, object]:
    header = {"alg": "ES256", "typ": "at+jwt", "kid": str(key.kid), **changes}
    return {name: value for name, value in header.items() if value is not None}


def _twice(key: ECKey, name: str, last: str) -> str:
    return f"{json.dumps(_header(key))[:-1]}, {json.dumps(name)}: {json.dumps(last)}}}"


def _encode(part: str | bytes) -> str:
    raw = part.encode() if isinstance(part, str) else part
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
