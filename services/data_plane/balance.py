"""Which URL of an endpoint is dialled: by the endpoint's choice, and by what the last dials and probes found."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Final

from services.data_plane.attached import Attached
from services.data_plane.refusal import BackendFailedError, RefusedError, UnreachableError
from shared.definition import Endpoint

FIRST_REST_SECONDS: Final = 1.0
LONGEST_REST_SECONDS: Final = 30.0

_MOST_DOUBLINGS: Final = 5


class Health:
    """Whether a URL is worth a dial. One that failed rests for a growing time, then one dial at a time tries it."""

    def __init__(self, clock: Callable[[], float], randomness: random.Random) -> None:
        self._clock = clock
        self._randomness = randomness
        self._failures = 0
        self._rests_until = 0.0
        self._fails_when_reached = False
        self._dials = 0

    @property
    def is_well(self) -> bool:
        return not self._failures or (not self._dials and self._clock() >= self._rests_until)

    @contextmanager
    def dial(self) -> Iterator[None]:
        """Learn from a dial. Only `BackendFailedError` tells against the URL: a client can provoke other refusals."""
        before = self._failures
        self._dials += 1
        try:
            yield
        except BackendFailedError as error:
            self._fails_when_reached = not isinstance(error, UnreachableError)
            if before == self._failures:  # dials that fail together are one failure
                longest = min(LONGEST_REST_SECONDS, FIRST_REST_SECONDS * 2 ** min(before, _MOST_DOUBLINGS))
                # Full jitter: pods that lost the same backend don't come back in step.
                self._rest(self._randomness.uniform(0, longest))
            raise
        except RefusedError:
            self._recover()  # it answered
            raise
        else:
            self._recover()
        finally:
            self._dials -= 1

    def learn(self, *, reached: bool, trusted_seconds: float) -> None:
        """Learn from a probe. One that failed is believed for so long, until the next can have spoken."""
        if not reached:
            self._fails_when_reached = False
            self._rest(min(trusted_seconds, LONGEST_REST_SECONDS))
        elif not self._fails_when_reached:  # what only a handshake shows, a probe can't refute
            self._recover()

    def _rest(self, seconds: float) -> None:
        self._rests_until = max(self._rests_until, self._clock() + seconds)
        self._failures += 1

    def _recover(self) -> None:
        self._failures, self._rests_until, self._fails_when_reached = 0, 0.0, False


@dataclass(frozen=True, slots=True)
class _Endpoint:
    turn: Iterator[int]
    health: dict[str, Health]


class Balancer:
    """Knows how many connections are open to each URL, and of each endpoint whose turn it is and who is well."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, randomness: random.Random | None = None) -> None:
        self._clock = clock
        self._randomness = randomness or random.Random()  # noqa: S311 - no secret
        self._endpoints: Attached[_Endpoint] = Attached()
        self._open: Counter[str] = Counter()

    def order(self, endpoint: Endpoint) -> Iterator[tuple[str, Health]]:
        """Yield each URL, as long as one is asked for. Those at rest come last: better than none."""
        known = self._know(endpoint)
        if len(endpoint.urls) == 1:
            yield endpoint.urls[0], known.health[endpoint.urls[0]]
            return
        resting = []
        for url in self._prefer(endpoint, known):
            health = known.health[url]
            if health.is_well:
                yield url, health
            else:
                resting.append((url, health))
        yield from resting

    def health(self, endpoint: Endpoint) -> Mapping[str, Health]:
        """Return the health of each URL."""
        return self._know(endpoint).health

    def take(self, url: str) -> None:
        """Count one connection to a URL, from its dial on."""
        self._open[url] += 1

    def release(self, url: str) -> None:
        """Forget one connection to a URL."""
        self._open[url] -= 1
        if not self._open[url]:
            del self._open[url]

    def _prefer(self, endpoint: Endpoint, known: _Endpoint) -> Sequence[str]:
        urls = endpoint.urls
        if endpoint.balance == "failover":
            return urls
        turn = next(known.turn) % len(urls)
        rotated = urls[turn:] + urls[:turn]
        if endpoint.balance == "round_robin":
            return rotated
        return sorted(rotated, key=lambda url: self._open[url])

    def _know(self, endpoint: Endpoint) -> _Endpoint:
        return self._endpoints.of(endpoint, lambda: self._get_to_know(endpoint))

    def _get_to_know(self, endpoint: Endpoint) -> _Endpoint:
        start = self._randomness.randrange(len(endpoint.urls))  # pods don't all begin with the same URL
        return _Endpoint(count(start), {url: Health(self._clock, self._randomness) for url in endpoint.urls})
