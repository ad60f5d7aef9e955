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
