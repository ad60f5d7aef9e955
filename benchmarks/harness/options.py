"""The options that all benchmarks have."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.harness.pairs import Pair
from benchmarks.peers.registry import PEERS

_QUICK_PAIRS = 2


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for. A trial measures less than is measured without any option, or something else."""

    given: Namespace
    times: int
    seconds: float
    trial: bool

    def choose_pairs(self, usual: Sequence[Pair]) -> list[Pair]:
        """Return who is compared with whom: as usual, or less when quick, unless a subject or peers are given."""
        if not self.given.subject and not self.given.peers:
            return list(usual[:_QUICK_PAIRS] if self.given.quick else usual)
        subject = self.given.subject or usual[0].subject
        peers = self.given.peers or dict.fromkeys(pair.peer for pair in usual)
        return [Pair(subject, peer) for peer in peers if peer != subject]


def make_parser(name: str, description: str | None, *, times: int, seconds: float | None = None) -> ArgumentParser:
    parser = ArgumentParser(prog=f"./run bench {name}", description=description)
    parser.add_argument("--quick", action="store_true", help="measure less, in half a minute or so")
    parser.add_argument("--peers", type=_read_names, help=f"parted by commas, of {', '.join(PEERS)}")
    parser.add_argument("--subject", choices=PEERS, help="what is compared with the peers")
    parser.add_argument("--pairs", type=int, default=times, help="how often each pair is measured (%(default)s)")
    if seconds is not None:
        parser.add_argument("--seconds", type=float, default=seconds, help="how long each run lasts (%(default)s)")
    return parser


def read_options(parser: ArgumentParser, *, quick_times: int) -> Options:
    given = parser.parse_args()
    times = min(given.pairs, quick_times) if given.quick else given.pairs
    return Options(given, times, vars(given).get("seconds", 0.0), _is_trial(given, parser.parse_args([])))


def _is_trial(given: Namespace, usual: Namespace) -> bool:
    """Tell whether an option is other than usual; more of what is counted is welcome."""
    return any(
        value < vars(usual)[name]
        if isinstance(value, int | float) and not isinstance(value, bool)
        else value != vars(usual)[name]
        for name, value in vars(given).items()
    )


def _read_names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := sorted(set(names) - PEERS.keys()):
        raise ArgumentTypeError(f"no such peer: {', '.join(unknown)}")
    return names
