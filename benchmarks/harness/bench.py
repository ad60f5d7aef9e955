"""What the benchmarks have in common: what is started, how a workload is measured, and what is kept."""

import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from benchmarks.harness import results
from benchmarks.harness.certificate import make_certificate
from benchmarks.harness.cores import pick_cores
from benchmarks.harness.descriptors import raise_limit
from benchmarks.harness.errors import BenchmarkError
from benchmarks.harness.figures import Figure, Notes, as_json, as_table
from benchmarks.harness.load import Load, Sample, Workload, open_load
from benchmarks.harness.options import Options
from benchmarks.harness.pairs import Comparison, Pair, compare
from benchmarks.harness.target import Site, Target
from benchmarks.peers.direct import DIRECT
from benchmarks.peers.registry import PEERS

_WARM_SECONDS = 0.15


@dataclass(frozen=True, slots=True)
class Bench:
    """The generator, a place for peers, and those that run."""

    load: Load
    site: Site
    versions: Mapping[str, str]
    targets: Mapping[str, Target]

    def run(self, name: str, workload: Workload) -> Sample:
        """Load a proxy. Where the handshakes are counted, each has a credential that the proxy hasn't seen."""
        target = self.targets[name]
        headers = target.new_headers(workload.handshakes) if workload.handshakes and target.new_headers else None
        return self.load.run(target, workload, headers)

    def measure_anew(
        self, workloads: Mapping[Workload, Sequence[Pair]], times: int, figure: Figure[Sample], notes: Notes[Sample]
    ) -> list[dict[str, object]]:
        """Do what `measure` does for each workload, and start all proxies anew each time.

        Where its memory comes to lie makes a process up to a tenth cheaper or dearer.
        """
        compared = {workload: Comparison[Sample]() for workload in workloads}
        names = names_in(pair for pairs in workloads.values() for pair in pairs)
        for index in range(times):
            with self.started(names) as bench:
                for workload, pairs in workloads.items():
                    for pair in pairs:
                        compared[workload].measure(pair, partial(bench.run, workload=workload), index)
        return [self._tell(workload, comparison, figure, notes) for workload, comparison in compared.items()]

    @contextmanager
    def started(self, names: Sequence[str]) -> Iterator["Bench"]:
        """Start proxies, until the block ends."""
        with ExitStack() as stack:
            targets = {name: stack.enter_context(PEERS[name].start(self.site)) for name in names}
            yield replace(self, targets={**self.targets, **targets})

    def measure(
        self, workload: Workload, pairs: Sequence[Pair], times: int, figure: Figure[Sample], notes: Notes[Sample]
    ) -> dict[str, object]:
        """Load the pairs' proxies, and the backend directly. Print a table; return all of it for JSON."""
        comparison = compare(pairs, {name: partial(self.run, name, workload) for name in names_in(pairs)}, times)
        return self._tell(workload, comparison, figure, notes)

    def _tell(
        self, workload: Workload, comparison: Comparison[Sample], figure: Figure[Sample], notes: Notes[Sample]
    ) -> dict[str, object]:
        comparison.samples[DIRECT.name] = [self.run(DIRECT.name, workload)]
        print(f"\n{workload}\n{as_table(comparison, [figure], notes)}", flush=True)
        return {**asdict(workload), **as_json(comparison, [figure])}

    def save(self, benchmark: str, options: Options, workloads: Sequence[Mapping[str, object]]) -> None:
        method = {"times": options.times, "seconds": options.seconds, "cores": asdict(self.site.cores)}
        body = {"versions": self.versions, "method": method, "workloads": workloads}
        print(f"written to {results.save(benchmark, body, trial=options.trial)}")


def run_benchmark(run: Callable[[Path], None]) -> int:
    """Give a benchmark a folder and all the descriptors that there are; return the exit code."""
    raise_limit()
    try:
        with tempfile.TemporaryDirectory(prefix="framegate-bench-") as folder:
            run(Path(folder))
    except BenchmarkError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def names_in(pairs: Iterable[Pair]) -> list[str]:
    return list(dict.fromkeys(name for pair in pairs for name in (pair.subject, pair.peer)))


@contextmanager
def open_bench(
    folder: Path,
    seconds: float,
    peers: Sequence[str],
    *,
    start: bool = True,
    with_tls: bool = False,
    warm_seconds: float = _WARM_SECONDS,
) -> Iterator[Bench]:
    """Open the generator's backend, and start the peers, unless the benchmark does it."""
    versions = {name: PEERS[name].version() for name in peers}  # finds out what is missing before anything starts
    cores = pick_cores()
    with ExitStack() as stack:
        load = stack.enter_context(
            open_load(cores.load, folder, warm_seconds=warm_seconds, seconds=seconds, with_tls=with_tls)
        )
        site = Site(load.backend_port, folder, cores)
        targets = {DIRECT.name: stack.enter_context(DIRECT.start(site))}
        if with_tls:
            site = replace(site, certificate=make_certificate(folder))
        if start:
            targets |= {name: stack.enter_context(PEERS[name].start(site)) for name in peers}
        yield Bench(load, site, versions, targets)
