import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.control_plane.kit.security import (
    SECRET_PREFIX,
    Sealer,
    UnsealError,
    hash_secret,
    is_well_formed,
    matches,
    new_secret,
)

KEY = "a key of the tests, of 32 characters or more"


def test_secrets_differ_and_are_recognised() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert all(is_well_formed(secret) and secret.startswith(SECRET_PREFIX) for secret in secrets)


@given(st.text())
def test_other_text_is_not_taken_for_a_secret(text: str) -> None:
    assert not is_well_formed(text)


def test_a_mistyped_secret_is_not_well_formed() -> None:
    secret = new_secret()
    assert not is_well_formed(secret[:10] + ("a" if secret[10] != "a" else "b") + secret[11:])


def test_a_secret_matches_its_own_hash_alone() -> None:
    secret = new_secret()
    assert matches(secret, hash_secret(secret))
    assert not matches(new_secret(), hash_secret(secret))
    assert secret not in hash_secret(secret)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_is_sealed_can_be_read_again(text: str) -> None:
    sealer = Sealer(KEY)
    assert sealer.unseal(sealer.seal(text)) == text


def test_sealing_hides_and_never_repeats_itself() -> None:
    sealer = Sealer(KEY)
    assert "hidden" not in sealer.seal("hidden")
    assert sealer.seal("hidden") != sealer.seal("hidden")


def test_another_key_or_a_changed_text_is_refused() -> None:
    sealed = Sealer(KEY).seal("hidden")
    with pytest.raises(UnsealError):
        Sealer(KEY + "!").unseal(sealed)
    with pytest.raises(UnsealError):
        Sealer(KEY).unseal(sealed[:-2] + "xx")


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 characters"):
        Sealer("short")


@pytest.mark.parametrize("sealed", ["", "é", "x" * 100])
def test_what_was_never_sealed_is_not_unsealed(sealed: str) -> None:
    with pytest.raises(UnsealError):
        Sealer("a key of the tests, of 32 characters or more").unseal(sealed)
