"""Time to the first byte of the console's pages, beside that of the same data over REST."""

import argparse
import re
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, timedelta
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from benchmarks.harness import results
from benchmarks.harness.bench import run_benchmark
from benchmarks.harness.crowd import Crowd, seed
from benchmarks.harness.errors import BenchmarkError
from benchmarks.harness.figures import Figure, as_json
from benchmarks.harness.installation import Installation, open_installation
from benchmarks.harness.layout import table
from benchmarks.harness.machine import describe_framegate, now
from benchmarks.harness.pairs import Comparison, Pair, compare
from benchmarks.harness.spread import Spread
from services.control_plane.kit.database import Database
from services.control_plane.usage.models import Usage

CROWD = Crowd(apis=500, applications=250, subscriptions=2_500)
API = "api-0"
USAGE_HOURS = 24
APPLICATIONS = 5
"""Of them the API has usage."""

PAGES = {
    "/publisher": "/publisher/v1/apis",
    f"/publisher/apis/{API}": f"/publisher/v1/apis/{API}",
    f"/publisher/apis/{API}/lifecycle": f"/publisher/v1/apis/{API}/lifecycle",
    f"/publisher/apis/{API}/asyncapi": f"/publisher/v1/apis/{API}/asyncapi",
    f"/publisher/apis/{API}/subscriptions": f"/publisher/v1/apis/{API}/subscriptions",
    f"/publisher/apis/{API}/usage": f"/publisher/v1/apis/{API}/usage",
    f"/publisher/apis/{API}/usage?by=application": f"/publisher/v1/apis/{API}/usage?group_by=application",
    "/store": "/store/v1/apis",
    f"/store/apis/{API}": f"/store/v1/apis/{API}",
    f"/store/apis/{API}/asyncapi": f"/store/v1/apis/{API}/asyncapi",
    "/admin/users": "/admin/v1/users",
    "/admin/roles": "/admin/v1/roles",
    "/admin/service-accounts": "/admin/v1/service-accounts",
    "/admin/policies": "/admin/v1/policies",
    "/admin/policies/subscription/Gold": "/admin/v1/policies/Gold",
    "/admin/issuers": "/admin/v1/issuers",
    "/admin/blocklist": "/admin/v1/blocklist",
    "/admin/signing-keys": "/admin/v1/signing-keys",
    "/admin/gateways": "/admin/v1/gateways",
    "/admin/usage": "/admin/v1/usage",
    "/admin/audit": "/admin/v1/audit",
}


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer: when it began, and how much it was."""

    ms: float
    bytes: int


TO_FIRST_BYTE = Figure[Answered]("ttfb_ms", "ms to the first byte", lambda answer: answer.ms)


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run bench console", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="ask 10 times each")
    parser.add_argument("--times", type=int, default=100, help="how often each pair is asked (%(default)s)")
    given = parser.parse_args()
    times = 10 if given.quick else given.times
    return run_benchmark(partial(run, times, trial=given.quick or given.times < 100))


def run(times: int, folder: Path, *, trial: bool) -> None:
    with open_installation(folder) as installation:
        seed(Database(installation.database_url), CROWD, "ws://127.0.0.1:9")
        write_usage(Database(installation.database_url))
        sides = {"page": {"Cookie": sign_in(installation)}, "rest": dict(installation.rest.headers)}
        compared = {page: measure(installation, page, rest, sides, times) for page, rest in PAGES.items()}
    print(as_lines(compared), flush=True)
    body = {
        "versions": {"framegate": describe_framegate()},
        "method": {"times": times, **asdict(CROWD)},
        "workloads": [{"name": page, **as_json(comparison, [TO_FIRST_BYTE])} for page, comparison in compared.items()],
    }
    print(f"written to {results.save('console', body, trial=trial)}")


def write_usage(database: Database) -> None:
    last = now().astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    with database.writing() as session:
        for hour in range(USAGE_HOURS):
            for number in range(APPLICATIONS):
                key = {"step": "hour", "at": last - timedelta(hours=hour), "api_id": API, "key_type": "PRODUCTION"}
                session.add(Usage.model_validate(key | {"application_id": f"application-{number}", "opened": hour}))


def sign_in(installation: Installation) -> str:
    """Return the cookie of the administrator's session, as a browser gets it."""
    browser = installation.rest
    shown = browser.get("/sign-in", headers={"Authorization": ""})
    sealed = re.search(r'name="request" value="([^"]*)"', shown.text)
    form = {
        "request": sealed[1] if sealed else "",
        "username": "admin",
        "password": installation.environment["FRAMEGATE_ADMIN_PASSWORD"],
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": ""}
    answer = browser.post("/sign-in", content=urlencode(form), headers=headers)
    cookie = answer.headers.get("set-cookie", "").partition(";")[0]
    if not cookie:
        raise BenchmarkError(f"nobody is signed in: {answer.status_code} {answer.text}")
    browser.cookies.clear()
    return str(cookie)


def measure(
    installation: Installation, page: str, rest: str, sides: Mapping[str, Mapping[str, str]], times: int
) -> Comparison[Answered]:
    """Ask for a page and for its data, right after one another, on a connection each."""
    place = urlsplit(str(installation.rest.base_url))
    connections = [HTTPConnection(place.hostname or "", place.port, timeout=30) for _ in range(2)]
    runs: dict[str, Callable[[], Answered]] = {
        page: partial(ask, connections[0], page, {"Accept": "text/html", **sides["page"]}),
        rest: partial(ask, connections[1], rest, {**sides["rest"], "accept": "application/json"}),
    }
    try:
        return compare([Pair(page, rest)], runs, times)
    finally:
        for connection in connections:
            connection.close()


def ask(connection: HTTPConnection, path: str, headers: Mapping[str, str]) -> Answered:
    """Return when the answer began. Raises `BenchmarkError`."""
    began = time.perf_counter()
    connection.request("GET", path, headers={"Accept-Encoding": "identity", **headers})
    answer = connection.getresponse()
    ms = (time.perf_counter() - began) * 1e3
    body = answer.read()
    if answer.status != 200:
        raise BenchmarkError(f"{path}: {answer.status} {body[:300].decode(errors='replace')}")
    return Answered(round(ms, 3), len(body))


def as_lines(compared: Mapping[str, Comparison[Answered]]) -> str:
    rows = []
    for page, comparison in compared.items():
        (pair,) = comparison.pairs
        ratio = Spread.of(comparison.ratios(pair, TO_FIRST_BYTE.of))
        figures = [str(comparison.spread(name, TO_FIRST_BYTE.of)) for name in (pair.subject, pair.peer)]
        rows.append([page, *figures, str(ratio)])
    return table(["page", "its ms to the first byte", "REST's", "page / REST"], rows)


if __name__ == "__main__":
    sys.exit(main())
