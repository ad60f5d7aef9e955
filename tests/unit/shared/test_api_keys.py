from hypothesis import given
from hypothesis import strategies as st

from shared.api_keys import PREFIX, make_api_key, read_api_key


def test_every_key_is_another_one_and_known_by_its_digest() -> None:
    keys = {make_api_key() for _ in range(100)}
    assert len(keys) == len({read_api_key(key) for key in keys}) == 100
    assert None not in {read_api_key(key) for key in keys}
    assert all(key.startswith(PREFIX) for key in keys)


@given(st.integers(0, 52), st.characters(min_codepoint=33, max_codepoint=126))
def test_a_mistyped_key_is_none(index: int, other: str) -> None:
    key = make_api_key()
    mistyped = key[:index] + other + key[index + 1 :]
    assert (read_api_key(mistyped) is None) == (mistyped != key)


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    assert read_api_key(text) is None
    read_api_key(PREFIX + text)
