"""No proxy at all: how fast the generator alone is."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.harness.target import Peer, Site, Target


@contextmanager
def start(site: Site) -> Iterator[Target]:
    yield Target("direct", site.backend_port, Path(os.devnull))


DIRECT = Peer("direct", start, lambda: "none")
