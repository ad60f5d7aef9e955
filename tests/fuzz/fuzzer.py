"""A small fuzzer: mutates inputs, keeps those that reach what none reached before.

What is reached are pairs of lines that follow each other in the frame core, in its form as Python.
"""

import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from types import FrameType
from typing import Any

from services.data_plane import frames
from tests.fuzz.streams import make_input, make_stream

CORPUS = Path(__file__).with_name("corpus")
CORE = str(Path(frames.__file__).parent)
LONGEST = 4096

Step = tuple[str, int, int]
"""A function, and two lines of it that followed each other."""

Reached = set[tuple[Step, int]]
"""Steps, each with how often it was taken: once, twice, up to four times, up to eight ..."""

Target = Callable[[bytes], None]


def read_corpus() -> list[bytes]:
    return [path.read_bytes() for path in sorted(CORPUS.iterdir())]


def name_of(data: bytes) -> str:
    """Return the name of an input's file."""
    return sha256(data).hexdigest()[:16]


class Fuzzer:
    """Grows a population of inputs. The target raises where something is wrong."""

    def __init__(self, target: Target, seed: int) -> None:
        self._target = target
        self.random = random.Random(seed)  # noqa: S311 - choices, not secrets
        self._seen: Reached = set()
        self.population: list[bytes] = []
        self.last = b""
        self.tried = 0

    def add(self, data: bytes) -> bool:
        """Try an input, and keep it if it reached something new."""
        self.last = data
        self.tried += 1
        new = trace(self._target, data) - self._seen
        self._seen |= new
        if new:
            self.population.append(data)
        return bool(new)

    def run(self, seconds: float) -> Iterator[bytes]:
        """Try mutations until time is up; yield those that reached something new."""
        deadline = time.monotonic() + seconds
        self.population = self.population or [make_input(self.random)]
        while time.monotonic() < deadline:
            data = self._mutate(self.random.choice(self.population))
            if self.add(data):
                yield data

    def _mutate(self, data: bytes) -> bytes:
        choose = self.random
        for _ in range(choose.choice((1, 1, 2, 4))):
            data = choose.choice(MUTATIONS)(choose, data, self.population)
        return data[:LONGEST]


def trace(target: Target, data: bytes) -> Reached:
    """Run the target; return what it reached in the frame core."""
    steps: Counter[Step] = Counter()

    def enter(frame: FrameType, _: str, __: Any) -> Callable[..., Any] | None:
        code = frame.f_code
        if not code.co_filename.startswith(CORE):
            return None
        previous = 0

        def step(frame: FrameType, event: str, _: Any) -> Any:
            nonlocal previous
            if event == "line":
                steps[code.co_qualname, previous, frame.f_lineno] += 1
                previous = frame.f_lineno
            return step

        return step

    outer = sys.gettrace()  # a debugger's, or coverage's
    sys.settrace(enter)
    try:
        target(data)
    finally:
        sys.settrace(outer)
    return {(step, times.bit_length()) for step, times in steps.items()}


Mutation = Callable[[random.Random, bytes, list[bytes]], bytes]


def _flip(choose: random.Random, data: bytes, _: list[bytes]) -> bytes:
    if not data:
        return data
    at = choose.randrange(len(data))
    return data[:at] + bytes((data[at] ^ 1 << choose.randrange(8),)) + data[at + 1 :]


def _replace(choose: random.Random, data: bytes, _: list[bytes]) -> bytes:
    if not data:
        return data
    at = choose.randrange(len(data))
    return data[:at] + bytes((choose.choice((0, 1, 0x7D, 0x7E, 0x7F, 0x80, 0x88, 0xFE, 0xFF)),)) + data[at + 1 :]


def _remove(choose: random.Random, data: bytes, _: list[bytes]) -> bytes:
    at = choose.randrange(len(data) + 1)
    return data[:at] + data[at + choose.randrange(1, 20) :]


def _insert(choose: random.Random, data: bytes, _: list[bytes]) -> bytes:
    at = choose.randrange(len(data) + 1)
    return data[:at] + make_stream(choose, masked=bool(data[:1] and data[0] & 1)) + data[at:]


def _splice(choose: random.Random, data: bytes, others: list[bytes]) -> bytes:
    other = choose.choice(others)
    return data[: choose.randrange(len(data) + 1)] + other[choose.randrange(len(other) + 1) :]


def _start_anew(choose: random.Random, _: bytes, __: list[bytes]) -> bytes:
    return make_input(choose)


MUTATIONS: tuple[Mutation, ...] = (_flip, _replace, _remove, _insert, _splice, _start_anew)
