"""The frame core under inputs that were made to break it."""

import secrets

import pytest

from tests.fuzz.fuzzer import CORPUS, Fuzzer, read_corpus
from tests.fuzz.target import check

SECONDS = 5.0


@pytest.mark.parametrize("name", sorted(path.name for path in CORPUS.iterdir()))
def test_an_input_of_the_corpus(name: str) -> None:
    check((CORPUS / name).read_bytes())


@pytest.mark.timeout(0)  # it sets its own
def test_what_a_fuzzer_makes_of_the_corpus(rounds: int) -> None:
    """Fuzz for a few seconds, or with `--rounds` longer; a failure says the input, and from which seed it came."""
    fuzzer = Fuzzer(check, seed := secrets.randbits(32))
    for data in read_corpus():
        fuzzer.add(data)
    try:
        for data in fuzzer.run(SECONDS * rounds):
            assert data
    except BaseException as error:
        error.add_note(f"seed {seed}, input {fuzzer.last.hex()}")
        raise
    assert fuzzer.tried > 100


def test_the_fuzzer_finds_its_way() -> None:
    """A fault behind two conditions, of which each is a step further."""

    def fragile(data: bytes) -> None:
        check(data)
        assert not (len(data) > 40 and data[4] == 0x88)

    fuzzer = Fuzzer(fragile, seed=1)
    with pytest.raises(AssertionError):
        list(fuzzer.run(30))
