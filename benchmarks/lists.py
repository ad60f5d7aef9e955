"""What a page of each list costs with 10,000 APIs and 50,000 subscriptions, beside the same with 100 APIs."""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from secrets import token_urlsafe
from typing import Any, Final
from urllib.parse import urlencode

from sqlalchemy import event
from starlette.testclient import TestClient

from benchmarks.harness import results
from benchmarks.harness.bench import run_benchmark
from benchmarks.harness.errors import BenchmarkError, MissingError
from benchmarks.harness.figures import Figure, as_json
from benchmarks.harness.layout import table
from benchmarks.harness.machine import describe_framegate
from benchmarks.harness.pairs import Comparison, Pair, compare
from benchmarks.harness.spread import Spread
from cli.embedded import NoRedisError, redis_server
from services.control_plane.app import create_app
from services.control_plane.kit import migrate
from services.control_plane.kit.database import Database
from services.control_plane.settings import Settings
from tests.support.lists import lists, named
from tests.support.postgres import NoPostgresError, serve_postgres
from tests.support.rows import Amounts, fill

DATABASES: Final = ("sqlite", "postgresql")
AMOUNTS: Final = {
    "many": Amounts(apis=10_000, applications=5_000, subscriptions=50_000, others=10_000, own=10),
    "few": Amounts(apis=100, applications=50, subscriptions=500, others=100, own=10),
}
PAIR: Final = Pair("many", "few")

_CLIENT_ID: Final = "bench"
_AT_ONCE: Final = 5  # requests of one measurement


@dataclass(frozen=True, slots=True)
class Page:
    """How long a page took, and of that the counting of all rows for its `total`."""

    ms: float
    total_ms: float


PAGE_MS: Final = Figure[Page]("ms_a_page", "ms a page", lambda page: page.ms)


class Asked:
    """A control plane in this process, and how long its database took to count."""

    def __init__(self, client: TestClient, database: Database) -> None:
        self._client = client
        self._counted = self._since = 0.0
        event.listen(database.engine, "before_cursor_execute", self._before)
        event.listen(database.engine, "after_cursor_execute", self._after)

    def page(self, path: str) -> Page:
        self._counted, began = 0.0, time.perf_counter()
        for _ in range(_AT_ONCE):
            answer = self._client.get(path)
            if answer.is_error:
                raise BenchmarkError(f"{path}: {answer.status_code} {answer.text}")
        return Page((time.perf_counter() - began) * 1e3 / _AT_ONCE, self._counted * 1e3 / _AT_ONCE)

    def _before(self, *_: object) -> None:
        self._since = time.perf_counter()

    def _after(self, _: object, __: object, statement: str, *___: object) -> None:
        if statement.startswith("SELECT count("):
            self._counted += time.perf_counter() - self._since


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run bench lists", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="measure less, on SQLite alone")
    parser.add_argument("--pairs", type=int, default=15, help="how often each list is measured (%(default)s)")
    given = parser.parse_args()
    databases, times = (DATABASES[:1], 3) if given.quick else (DATABASES, given.pairs)
    return run_benchmark(partial(run, databases, times, trial=given.quick or times < 15))


def run(databases: Sequence[str], times: int, folder: Path, *, trial: bool) -> None:
    workloads = [workload for kind in databases for workload in measure(kind, times, folder)]
    body = {
        "versions": {"framegate": describe_framegate()},
        "method": {"times": times, "requests": _AT_ONCE, **{name: asdict(each) for name, each in AMOUNTS.items()}},
        "workloads": workloads,
    }
    print(f"written to {results.save('lists', body, trial=trial)}")


def measure(kind: str, times: int, folder: Path) -> list[Mapping[str, Any]]:
    """Return what each list costs on one kind of database, and print it."""
    with ExitStack() as stack:
        try:
            asked = {name: stack.enter_context(control_plane(kind, name, folder)) for name in AMOUNTS}
        except (NoRedisError, NoPostgresError) as error:
            raise MissingError(" ".join(str(error).split())) from error
        paths = asked["few"][1]
        found = {
            path: compare([PAIR], {name: partial(one.page, path) for name, (one, _) in asked.items()}, times)
            for path in paths
        }
    print(f"\n{kind}\n{as_table(found)}", flush=True)
    return [
        {"name": path, "database": kind, "total_ms": total_ms(comparison), **as_json(comparison, [PAGE_MS])}
        for path, comparison in found.items()
    ]


@contextmanager
def control_plane(kind: str, name: str, folder: Path) -> Iterator[tuple[Asked, list[str]]]:
    """Run one with as many rows as its name says; yield it with the paths of its lists."""
    with ExitStack() as stack:
        url = f"sqlite:///{folder}/{name}.db"
        if kind == "postgresql":
            place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="framegate-postgres-", dir="/tmp")))
            url = f"postgresql+psycopg://framegate@/postgres?host={stack.enter_context(serve_postgres(place)).socket}"
        migrate.upgrade(url)
        secret = token_urlsafe(32)
        settings = Settings.model_validate(
            {
                "database_url": url,
                "redis_url": stack.enter_context(redis_server()),
                "secret_key": token_urlsafe(32),
                "admin_password": token_urlsafe(16),
                "bootstrap_client_id": _CLIENT_ID,
                "bootstrap_client_secret": secret,
            }
        )
        app = create_app(settings)
        client = stack.enter_context(TestClient(app))
        answer = client.post("/oauth2/token", data={"grant_type": "client_credentials"}, auth=(_CLIENT_ID, secret))
        client.headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['access_token']}"
        database: Database = app.state.provided[Database]
        fill(database, client.get("/account/v1/me").json()["id"], AMOUNTS[name])
        yield Asked(client, database), [address(path, given) for path, _, given in lists(app.openapi())]


def address(path: str, given: Mapping[str, str]) -> str:
    return named(path) + (f"?{urlencode(given)}" if given else "")


def total_ms(comparison: Comparison[Page]) -> float:
    """Return what counting took where there is much to count."""
    return round(comparison.spread(PAIR.subject, lambda page: page.total_ms).median, 3)


def as_table(found: Mapping[str, Comparison[Page]]) -> str:
    """Lay out a row a list."""
    rows = [
        (
            path,
            *(str(comparison.spread(name, PAGE_MS.of)) for name in AMOUNTS),
            str(Spread.of(comparison.ratios(PAIR, PAGE_MS.of))),
            f"{total_ms(comparison):.2f}",
        )
        for path, comparison in found.items()
    ]
    return table(("list", *(f"{name}, ms" for name in AMOUNTS), "many / few", "many: of it total, ms"), rows)


if __name__ == "__main__":
    sys.exit(main())
