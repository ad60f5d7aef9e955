"""Who is compared in the benchmark of the relay."""

from benchmarks.harness.pairs import Pair
from benchmarks.relay import SEEN, usual_pairs


def test_what_it_costs_to_be_seen_is_measured_with_the_rest() -> None:
    assert Pair("framegate-seen", "framegate-unseen") == SEEN
    assert SEEN in usual_pairs(["nginx"], quick=False)
