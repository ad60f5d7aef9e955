"""What it costs to be seen is measured at the pace at which pods are seen."""

from benchmarks.peers.registry import PEERS
from benchmarks.peers.watchers import SCRAPE_SECONDS
from benchmarks.seen import SECONDS, SEEN
from services.data_plane.usage import INTERVAL_SECONDS


def test_each_run_has_a_batch_of_usage_and_a_scrape() -> None:
    assert {SEEN.subject, SEEN.peer} <= PEERS.keys()
    assert SECONDS >= INTERVAL_SECONDS
    assert SECONDS >= SCRAPE_SECONDS
