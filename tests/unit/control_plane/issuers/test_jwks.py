from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from services.control_plane.issuers.errors import NoGoodAnswerError
from services.control_plane.issuers.jwks import MAX_KEYS, select_keys

EC = ECKey.generate_key("P-256", {"kid": "ec"}).as_dict(private=False)
RSA = RSAKey.generate_key(2048, {"kid": "rsa"}).as_dict(private=False)
OKP = OKPKey.generate_key("Ed25519", {"kid": "okp"}).as_dict(private=False)


def select(*keys: Any) -> list[dict[str, Any]]:
    return select_keys({"keys": list(keys)})


def test_each_key_is_bound_to_one_algorithm() -> None:
    assert {key["kid"]: key["alg"] for key in select(EC, RSA, OKP)} == {"ec": "ES256", "rsa": "RS256", "okp": "Ed25519"}
    assert all(key["use"] == "sig" for key in select(EC, RSA, OKP))


def test_the_order_and_what_is_beside_the_key_change_nothing() -> None:
    decorated = EC | {"x5c": ["MIIB"], "x5t": "x", "key_ops": ["verify"], "exp": 1, "use": "sig", "alg": "ES256"}
    assert select(RSA, decorated) == select(EC, RSA)


def test_private_members_are_never_taken_over() -> None:
    private = ECKey.generate_key("P-256", {"kid": "ec"}).as_dict(private=True)
    assert "d" not in select(private)[0]


@pytest.mark.filterwarnings("ignore:Key size should be")
@pytest.mark.parametrize(
    "key",
    [
        EC | {"use": "enc"},
        EC | {"key_ops": ["sign"]},
        EC | {"key_ops": "verify"},
        EC | {"alg": "ES384"},
        EC | {"kid": 1},
        EC | {"kid": "x" * 201},
        EC | {"x": EC["y"]},
        EC | {"x": None},
        RSA | {"alg": "PS256"},
        RSA | {"e": []},
        RSA | {"n": RSA["n"][:171]},
        ECKey.generate_key("P-384", {"kid": "other"}).as_dict(private=False),
        OctKey.generate_key(256, {"kid": "secret"}).as_dict(private=True),
        {"kty": "NEW", "kid": "strange"},
        {"kty": ["EC"], "crv": {}},
        {},
        "EC",
        None,
    ],
    ids=range(18),
)
def test_what_tokens_are_not_verified_with_is_left_out(key: Any) -> None:
    assert [taken["kid"] for taken in select(key, OKP)] == ["okp"]
    with pytest.raises(NoGoodAnswerError, match="none of its keys"):
        select(key)


@pytest.mark.parametrize("document", [{}, {"keys": {}}, {"keys": [EC] * 101}, {"keys": []}])
def test_what_is_no_set_of_keys(document: dict[str, Any]) -> None:
    with pytest.raises(NoGoodAnswerError):
        select_keys(document)


def test_no_more_keys_than_pods_can_hold() -> None:
    assert len(select(*(EC | {"kid": str(number)} for number in range(MAX_KEYS)))) == MAX_KEYS
    with pytest.raises(NoGoodAnswerError, match="more than"):
        select(*(EC | {"kid": str(number)} for number in range(MAX_KEYS + 1)))
