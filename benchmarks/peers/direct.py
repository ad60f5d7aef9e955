"""No proxy at all: how fast the generator alone is."""

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.harness.target import Peer, Site, Target


@contextmanager
def start(site: Site) -> Iterator[Target]:
    yield Target(site.backend_port)


DIRECT = Peer("direct", start, lambda: "none")
