"""The newest results as tables and a picture: rewrites the marked parts of docs/explanation/performance.md."""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import plot
from benchmarks.harness.results import KEPT, read_newest
from benchmarks.harness.spread import Spread

PAGE = Path(__file__).resolve().parents[1] / "docs/explanation/performance.md"
BENCHMARKS = (
    "relay",
    "handshake",
    "handshake-tokens",
    "memory",
    "latency",
    "tls",
    "throttle",
    "token",
    "seen",
    "push",
    "scale",
    "lists",
)
NATIVE = ("nginx", "nginx-64k", "haproxy", "haproxy-64k")
MISSING = "Not measured yet."

Result = Mapping[str, Any]


def main() -> int:
    results = read_results(KEPT)
    PAGE.write_text(fill_in(PAGE.read_text(), results))
    plot.PICTURE.write_text(plot.draw(results))
    print(f"written: {PAGE}, {plot.PICTURE}")
    return 0


def read_results(folder: Path) -> dict[str, Result | None]:
    return {name: read_newest(name, folder) for name in BENCHMARKS}


def fill_in(page: str, results: Mapping[str, Result | None]) -> str:
    """Return the page with each part between `<!-- NAME -->` and `<!-- end -->` made anew."""

    def part(match: re.Match[str]) -> str:
        name = match[1]
        return f"<!-- {name} -->\n{PARTS[name](results)}\n<!-- end -->"

    return re.sub(r"<!-- ([a-z-]+) -->\n.*?<!-- end -->", part, page, flags=re.DOTALL)


def where(results: Mapping[str, Result | None]) -> str:
    """Tell on which machine was measured, and with which versions."""
    measured = {name: result for name, result in results.items() if result}
    if not measured:
        return MISSING
    machines = [
        f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}, Python {machine['python']}"
        for machine in (result["machine"] for result in measured.values())
    ]
    versions = [version for result in measured.values() for version in result["versions"].values()]
    peers = [version for version in versions if not version.startswith("Framegate")]
    rows = [
        (f"`{name}`", result["date"][:10], result["versions"].get("framegate", ""), str(result["method"]["times"]))
        for name, result in measured.items()
    ]
    head = ("benchmark", "date", "subject", "measured so often")
    return f"On {listed(machines)}, beside {listed(peers)}.\n\n{markdown(head, rows)}"


def listed(texts: Sequence[str]) -> str:
    return "; ".join(dict.fromkeys(texts))


def by_workload(benchmark: str, figure: str, subject: str) -> Callable[[Mapping[str, Result | None]], str]:
    """Return what writes a row a workload: the subject's figure, and its ratio to each peer."""

    def write(results: Mapping[str, Result | None]) -> str:
        result = results.get(benchmark)
        workloads = [one for one in result["workloads"] if figure in one["figures"]] if result else []
        workloads = [one for one in workloads if subject in one["figures"][figure]]
        if not workloads:
            return MISSING
        peers = list(dict.fromkeys(r["peer"] for one in workloads for r in one["ratios"] if r["subject"] == subject))
        with_natives = not set(peers).isdisjoint(NATIVE)
        rows = []
        for one in workloads:
            ratios = {r["peer"]: r for r in one["ratios"] if r["subject"] == subject and r["figure"] == figure}
            best = max(
                (ratios[peer] for peer in NATIVE if peer in ratios), key=lambda r: float(r["median"]), default=None
            )
            cells = [spread(ratios[peer]) if peer in ratios else "" for peer in peers]
            cheapest = [f"**{spread(best)}**"] if with_natives else []
            rows.append((f"`{one['name']}`", spread(one["figures"][figure][subject]), *cheapest, *cells))
        head = ["/ the cheapest native"] if with_natives else []
        return markdown(("workload", f"{subject}, us", *head, *(f"/ {peer}" for peer in peers)), rows)

    return write


def by_proxy(benchmark: str, figures: Mapping[str, str]) -> Callable[[Mapping[str, Result | None]], str]:
    """Return what writes a row a proxy: each figure in each workload, and the subject's ratio to it."""

    def write(results: Mapping[str, Result | None]) -> str:
        result = results.get(benchmark)
        columns = [
            (one, figure, title)
            for one in (result["workloads"] if result else [])
            for figure, title in figures.items()
            if figure in one["figures"]
        ]
        if not columns:
            return MISSING
        several = len({one["name"] for one, _, _ in columns}) > 1
        head = ["proxy"]
        for one, _, title in columns:
            head += [f"`{one['name']}`: {title}" if several else title, "framegate / it"]
        names = dict.fromkeys(name for one, figure, _ in columns for name in one["figures"][figure] if name != "direct")
        rows = [
            (name, *(cell for one, figure, _ in columns for cell in proxy_cells(one, figure, name))) for name in names
        ]
        return markdown(head, rows)

    return write


def proxy_cells(workload: Result, figure: str, name: str) -> tuple[str, str]:
    value = workload["figures"][figure].get(name)
    ratios = [r for r in workload["ratios"] if (r["figure"], r["subject"], r["peer"]) == (figure, "framegate", name)]
    return spread(value), spread(ratios[0]) if ratios else ""


def questions(results: Mapping[str, Result | None]) -> str:
    """Return a row a workload: how often Redis was asked, and how much longer a round took for it."""
    result = results.get("throttle")
    if not result:
        return MISSING
    medians = [
        {name: one["median"] for name, one in workload["questions_a_message"].items() if one["median"]}
        for workload in result["workloads"]
    ]
    names = list(dict.fromkeys(name for found in medians for name in found))
    rows = [
        (
            f"`{workload['name']}`",
            *(f"{found[name]:.5f}" if name in found else "" for name in names),
            spread(workload.get("wait_p99_us")),
        )
        for workload, found in zip(result["workloads"], medians, strict=True)
    ]
    return markdown(("workload", *names, "a round's p99 is later by, us"), rows)


def push(results: Mapping[str, Result | None]) -> str:
    """Return what changes and starts took with very many APIs."""
    result = results.get("push")
    if not result:
        return MISSING
    (measured,), method = result["workloads"], result["method"]
    rows = [
        ("APIs, subscriptions, pods", f"{method['apis']:,}, {method['subscriptions']:,}, {method['pods']}"),
        *((f"from 2xx to closed, {name}", f"{value} ms") for name, value in measured["effect_ms"].items()),
        ("a pod from nothing to ready, at most", f"{max(measured['cold_start_seconds'])} s"),
        ("a pod's memory", f"{measured['pod_bytes'] / 1e6:.0f} MB"),
    ]
    return markdown(("", "measured"), rows)


def scale(results: Mapping[str, Result | None]) -> str:
    """Return what very many connections took."""
    result = results.get("scale")
    if not result:
        return MISSING
    (measured,), storm = result["workloads"], result["workloads"][0]["storm"]
    rows = [
        ("connections, all of which answered", f"{measured['connections']:,}"),
        ("bytes a connection", f"{measured['bytes_a_connection']:,}"),
        ("of one core, idle with pings", f"{measured['idle_cpu_share']:.1%}"),
        (f"{storm['reconnects']:,} reconnects at once on one pod: the longest", f"{storm['max_seconds']} s"),
    ]
    return markdown(("", "measured"), rows)


def lists(results: Mapping[str, Result | None]) -> str:
    """Return a row a list: a page of much, its ratio to one of little, and what counting took."""
    result = results.get("lists")
    if not result:
        return MISSING
    cells: dict[str, list[str]] = {}
    for one in result["workloads"]:
        found = cells.setdefault(one["name"], [])
        found += [spread(one["figures"]["ms_a_page"]["many"]), spread(one["ratios"][0]), f"{one['total_ms']:.2f}"]
    databases = dict.fromkeys(one["database"] for one in result["workloads"])
    head = ["list", *(f"{kind}: {title}" for kind in databases for title in ("ms", "many / few", "of it `total`"))]
    return markdown(head, [(f"`{path}`", *found) for path, found in cells.items()])


def spread(value: Result | None) -> str:
    return str(Spread(value["median"], value["q1"], value["q3"])) if value else ""


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


MEMORY = {"bytes_a_connection": "bytes a connection"}
PARTS: Mapping[str, Callable[[Mapping[str, Result | None]], str]] = {
    "where": where,
    "relay": by_workload("relay", "cpu_us_a_message", "framegate"),
    "relay-pure": by_workload("relay", "cpu_us_a_message", "framegate-pure"),
    "handshake": by_proxy("handshake", {"cpu_ms_a_handshake": "CPU ms"}),
    "handshake-tokens": by_proxy("handshake-tokens", {"cpu_ms_a_handshake": "CPU ms"}),
    "memory": by_proxy("memory", MEMORY),
    "latency": by_proxy("latency", {"added_p50_us": "added p50, us", "added_p99_us": "added p99, us"}),
    "tls": by_workload("tls", "cpu_us_a_message", "framegate"),
    "tls-memory": by_proxy("tls", MEMORY),
    "seen": by_workload("seen", "cpu_us_a_message", "framegate-seen"),
    "throttle": by_proxy("throttle", {"cpu_us_a_message": "CPU us a message"}),
    "throttle-questions": questions,
    "push": push,
    "scale": scale,
    "lists": lists,
    "token": by_proxy("token", {"tokens_a_cpu_second": "tokens a CPU second"}),
}

if __name__ == "__main__":
    sys.exit(main())
