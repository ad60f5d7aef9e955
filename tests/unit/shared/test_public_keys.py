import base64
import time
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from shared.public_keys import MAX_KEYS, check_public_keys

GOOD: list[Any] = [ECKey.generate_key("P-256"), OKPKey.generate_key("Ed25519"), RSAKey.generate_key(2048)]


def public(*keys: Any) -> dict[str, Any]:
    return {"keys": [key.as_dict(private=False) for key in keys]}


def test_public_keys_that_are_strong_enough() -> None:
    assert check_public_keys(public(*GOOD)) == public(*GOOD)


@pytest.mark.parametrize(
    "jwks",
    [
        {},
        {"keys": []},
        {"keys": [1]},
        public(*GOOD[:1] * (MAX_KEYS + 1)),
        {"keys": [GOOD[0].as_dict(private=True)]},
        public(ECKey.generate_key("P-384")),
        {"keys": [OctKey.generate_key(256).as_dict(private=True)]},
    ],
)
def test_keys_that_are_refused(jwks: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must|holds"):
        check_public_keys(jwks)


def number(value: int) -> str:
    return base64.urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8)).rstrip(b"=").decode()


def test_a_private_key_that_can_not_be_completed_costs_nothing() -> None:
    """A prime modulus has no two factors: looking for them would take hours."""
    prime = 2**521 - 1
    bomb = {"kty": "RSA", "n": number(prime), "e": number(65537), "d": number(pow(65537, -1, (prime - 1) << 20 | 1))}
    began = time.process_time()
    with pytest.raises(ValueError, match="private"):
        check_public_keys({"keys": [bomb]})
    assert time.process_time() - began < 0.05


def test_a_public_exponent_is_small() -> None:
    """Verifying by a large one costs a hundred times as much."""
    key = GOOD[2].as_dict(private=False)
    assert check_public_keys({"keys": [key]})
    with pytest.raises(ValueError, match="RSA"):
        check_public_keys({"keys": [{**key, "e": number(2**2047 + 1)}]})
