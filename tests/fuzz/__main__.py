"""Fuzz the frame core for as long as you like: `python -m tests.fuzz [SECONDS] [SEED]`.

What reaches something new is put into the corpus; what breaks is put there too, and stays until it is mended.
"""

import secrets
import sys

from tests.fuzz.fuzzer import CORPUS, Fuzzer, name_of, read_corpus
from tests.fuzz.target import check


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else secrets.randbits(32)
    print(f"seed {seed}, {seconds:.0f} s")  # noqa: T201 - what a long run is watched by
    fuzzer = Fuzzer(save_if_it_breaks, seed)
    for data in read_corpus():
        fuzzer.add(data)
    for data in fuzzer.run(seconds):
        (CORPUS / name_of(data)).write_bytes(data)
    print(f"{fuzzer.tried} inputs, {len(fuzzer.population)} in the corpus")  # noqa: T201


def save_if_it_breaks(data: bytes) -> None:
    try:
        check(data)
    except BaseException:
        (CORPUS / name_of(data)).write_bytes(data)
        raise


if __name__ == "__main__":
    main()
