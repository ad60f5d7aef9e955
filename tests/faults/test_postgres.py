"""PostgreSQL is down, slow, or fails over: the control plane says so in time, and no gateway notices."""

import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from websockets.sync.client import ClientConnection

from tests.faults.installation import CALL_SECONDS, ECHO, Installation, echoes
from tests.faults.watch import nothing_lost
from tests.support.postgres_server import PostgresServer
from tests.support.slow import SlowLink, slow_link
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(180)

REFUSED_SECONDS = 8.0
"""For a 503: to find that a connection is silent, and that no other one comes about; on a machine that is busy."""

BACK_SECONDS = 20.0
ENDLESS_SECONDS = 3600.0
SLOW_SECONDS = 0.02


@dataclass
class Site:
    """An installation, and what is behind the address of its PostgreSQL: the last server took over from the others."""

    installation: Installation
    servers: list[PostgresServer]
    link: SlowLink

    @property
    def server(self) -> PostgresServer:
        return self.servers[-1]

    def says_that_it_waits(self, clients: Sequence[ClientConnection]) -> None:
        """Assert that the control plane refuses in time and says when to come back, and that pods go on."""
        plane = self.installation.control_plane
        began = time.monotonic()
        with ThreadPoolExecutor() as pool:
            asked = [
                pool.submit(self.installation.ask_for_token),
                pool.submit(plane.http.get, f"{plane.health_url}/readyz", timeout=CALL_SECONDS),
            ]
            for answer in (future.result() for future in asked):
                assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
        assert time.monotonic() - began < REFUSED_SECONDS
        assert all(map(echoes, clients))
        token = self.installation.token
        assert {pod.dial(ECHO, token) for pod in self.installation.pods} == {101}

    def answers(self) -> bool:
        return self.installation.ask_for_token().is_success and self.installation.control_plane.is_ready()


@pytest.fixture(scope="module")
def shared_site() -> Iterator[Site]:
    # A socket's path is short.
    with tempfile.TemporaryDirectory(prefix="framegate-postgres-", dir="/tmp") as name:
        folder = Path(name)
        server = PostgresServer(folder, "first")
        server.make()
        server.start()
        with slow_link(server.port) as link:
            url = f"postgresql+psycopg://framegate@127.0.0.1:{link.port}/postgres"
            site = Site(Installation(folder, url, pods=1), [server], link)
            try:
                site.installation.start()
                yield site
            finally:
                site.installation.close()
                for server in site.servers:
                    server.kill()


@pytest.fixture
def site(shared_site: Site) -> Site:
    shared_site.installation.mend()
    return shared_site


def test_it_is_killed_and_comes_back(site: Site) -> None:
    installation = site.installation
    with nothing_lost(installation.pods), installation.connected(installation.token) as clients:
        with installation.redis.program.halted():
            api = installation.publish()  # committed, and told to nobody yet
            site.server.kill()
        site.says_that_it_waits(clients)
        site.server.start()
        wait_until(site.answers, within=BACK_SECONDS)
        installation.settle()
        assert installation.serves(api)
        assert all(map(echoes, clients))


def test_it_halts_and_a_standby_takes_over(site: Site, chance: random.Random) -> None:
    installation, old = site.installation, site.server
    standby = old.add_standby(f"server-{len(site.servers)}")
    site.servers.append(standby)
    with nothing_lost(installation.pods), installation.connected(installation.token) as clients:
        with installation.redis.program.halted():
            api = installation.publish()
            wait_until(lambda: standby.has_all_of(old), within=20)
        with silence(old, site.link, chance):
            site.says_that_it_waits(clients)
            old.kill()  # or else it would go on for those who have a connection to it
            site.link.target = standby.port
        wait_until(site.answers, within=BACK_SECONDS)
        early = installation.attempt("POST", "/store/v1/applications", {"name": "Early"})
        assert (early.status_code, early.headers.get("Retry-After")) == (503, "2"), "a standby reads, and can't write"
        standby.promote()
        later = installation.publish()
        installation.settle()
        assert installation.serves(api)
        assert installation.serves(later)
        assert all(map(echoes, clients))


def test_it_is_slow(site: Site) -> None:
    with slowed(site.link, SLOW_SECONDS):
        assert site.answers()
        api = site.installation.publish()
        site.installation.settle()
    assert site.installation.serves(api)


@contextmanager
def silence(server: PostgresServer, link: SlowLink, chance: random.Random) -> Iterator[None]:
    """Have no answer come, while each connection stands: of the processes, or of the network."""
    if chance.random() < 0.5:
        with server.halted():
            yield
    else:
        with slowed(link, ENDLESS_SECONDS):
            yield


@contextmanager
def slowed(link: SlowLink, seconds: float) -> Iterator[None]:
    link.delay_seconds = seconds
    try:
        yield
    finally:
        link.delay_seconds = 0.0
