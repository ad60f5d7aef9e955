"""How much CPU time a relayed message costs: Framegate beside native proxies and a plain aiohttp relay."""

import sys
import tempfile
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.harness import report
from benchmarks.harness.cores import pick_cores
from benchmarks.harness.errors import BenchmarkError
from benchmarks.harness.load import Sample, Workload, open_load
from benchmarks.harness.pairs import Comparison, compare
from benchmarks.harness.spread import Spread
from benchmarks.harness.target import Site
from benchmarks.peers.direct import DIRECT
from benchmarks.peers.framegate import FRAMEGATE, FRAMEGATE_UNLIMITED
from benchmarks.peers.haproxy import HAPROXY, HAPROXY_64K
from benchmarks.peers.nginx import NGINX, NGINX_64K
from benchmarks.peers.plain_aiohttp import PLAIN_AIOHTTP

PEERS = {
    peer.name: peer for peer in (FRAMEGATE, FRAMEGATE_UNLIMITED, NGINX, NGINX_64K, HAPROXY, HAPROXY_64K, PLAIN_AIOHTTP)
}
SMALL = ("nginx", "haproxy", "aiohttp", "framegate-unlimited")
LARGE = ("nginx", "nginx-64k", "haproxy", "haproxy-64k", "aiohttp", "framegate-unlimited")

WORKLOADS: Mapping[Workload, Sequence[str]] = {
    Workload("pingpong-1", connections=1): SMALL,
    Workload("pingpong-32", connections=32): SMALL,
    Workload("pingpong-256", connections=256): SMALL,
    Workload("burst-10-up", connections=32, up=10): SMALL,
    Workload("burst-10-down", connections=32, down=10): SMALL,
    Workload("burst-100-up", connections=32, up=100): LARGE,
    Workload("burst-100-down", connections=32, down=100): LARGE,
    Workload("16KiB", connections=32, size=16 << 10): LARGE,
    Workload("1MiB", connections=4, size=1 << 20): LARGE,
}
QUICK = {workload: ("nginx", "aiohttp") for workload in WORKLOADS if workload.name == "pingpong-32"}
NAMES = [workload.name for workload in WORKLOADS]
WARM_SECONDS = 0.15


def main() -> int:
    options = read_options()
    try:
        with tempfile.TemporaryDirectory(prefix="framegate-bench-") as folder:
            run(options, Path(folder))
    except BenchmarkError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def read_options() -> Namespace:
    parser = ArgumentParser(prog="./run bench relay", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one workload, two peers, fewer pairs")
    parser.add_argument("--workload", action="append", choices=NAMES, help="only this one; may be repeated")
    parser.add_argument("--peers", type=read_peers, help=f"parted by commas, of {', '.join(PEERS)}")
    parser.add_argument("--subject", default=FRAMEGATE.name, choices=PEERS, help="what is compared with the peers")
    parser.add_argument("--pairs", type=int, help="how often each pair is measured (9; with --quick 5)")
    parser.add_argument("--seconds", type=float, default=0.6, help="how long each run lasts (%(default)s)")
    return parser.parse_args()


def read_peers(text: str) -> list[str]:
    names = text.split(",")
    if unknown := sorted(set(names) - PEERS.keys()):
        raise ArgumentTypeError(f"no such peer: {', '.join(unknown)}")
    return names


def plan(options: Namespace) -> dict[Workload, list[str]]:
    """Return what is measured beside the subject, workload by workload."""
    usual = QUICK if options.quick and not options.workload else WORKLOADS
    return {
        workload: [name for name in options.peers or peers if name != options.subject]
        for workload, peers in usual.items()
        if workload.name in (options.workload or NAMES)
    }


def run(options: Namespace, folder: Path) -> None:
    workloads = plan(options)
    pairs = options.pairs or (5 if options.quick else 9)
    peers = dict.fromkeys([options.subject, *(name for names in workloads.values() for name in names)])
    versions = {name: PEERS[name].version() for name in peers}  # finds out what is missing before anything starts
    cores = pick_cores()
    results = []
    with ExitStack() as stack:
        load = stack.enter_context(open_load(cores.load, folder, warm_seconds=WARM_SECONDS, seconds=options.seconds))
        site = Site(load.backend_port, folder, cores)
        targets = {name: stack.enter_context(PEERS[name].start(site)) for name in peers}
        nobody = stack.enter_context(DIRECT.start(site))
        for workload, names in workloads.items():
            direct = load.run(nobody, workload)
            runs = {name: partial(load.run, targets[name], workload) for name in (options.subject, *names)}
            comparison = compare(options.subject, runs, pairs)
            print(text(workload, options.subject, direct, comparison), flush=True)
            results.append(as_json(workload, direct, comparison))
    method = {"subject": options.subject, "pairs": pairs, "seconds": options.seconds, "cores": asdict(cores)}
    path = report.save("relay", {"versions": versions, "method": method, "workloads": results})
    print(f"written to {path}")


def text(workload: Workload, subject: str, direct: Sample, comparison: Comparison) -> str:
    """Lay a workload's figures out as a table."""
    head = ("", "CPU us a message", "proxy busy", "messages/s", "round p50 us", "p99 us", f"{subject} / it")
    rows = [row(name, samples, comparison) for name, samples in comparison.samples.items()]
    rows.append(row(DIRECT.name, [direct], comparison))
    title = (
        f"{workload.name}: {workload.connections} connections, {workload.size} bytes,"
        f" {workload.up} up and {workload.down} down a round"
    )
    return f"\n{title}\n{report.table(head, rows)}"


def row(name: str, samples: Sequence[Sample], comparison: Comparison) -> list[str]:
    ratios = comparison.ratios.get(name)
    cpu = Spread.of([sample.cpu_us for sample in samples])
    return [
        name,
        str(cpu) if cpu.median else "-",
        f"{median(sample.proxy_cpu_seconds / sample.seconds for sample in samples):.0%}" if cpu.median else "-",
        f"{median(sample.messages / sample.seconds for sample in samples):,.0f}",
        f"{median(sample.round_us['p50'] for sample in samples):.0f}",
        f"{median(sample.round_us['p99'] for sample in samples):.0f}",
        str(Spread.of(ratios)) if ratios else "",
    ]


def as_json(workload: Workload, direct: Sample, comparison: Comparison) -> dict[str, object]:
    return {
        **asdict(workload),
        "cpu_us_a_message": {name: comparison.cpu_us(name).rounded(3) for name in comparison.samples},
        "ratios": {name: Spread.of(values).rounded(3) for name, values in comparison.ratios.items()},
        "pairs": {name: [round(value, 3) for value in values] for name, values in comparison.ratios.items()},
        "samples": {
            name: [asdict(sample) for sample in samples]
            for name, samples in {**comparison.samples, DIRECT.name: [direct]}.items()
        },
    }


if __name__ == "__main__":
    sys.exit(main())
