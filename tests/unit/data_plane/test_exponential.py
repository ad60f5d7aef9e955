from prometheus_client import CollectorRegistry, generate_latest

from services.data_plane.exponential import Exponential
from services.data_plane.report import collect, merge, render


def sizes(registry: CollectorRegistry) -> Exponential:
    return Exponential("sizes", "Sizes", ["way"], exponents=range(4, 9, 2), unit=2.0, registry=registry)


def test_it_is_a_histogram_of_powers_of_two() -> None:
    registry = CollectorRegistry()
    histogram = sizes(registry)
    histogram.add(("in",), {0: 1, 4: 2, 5: 3}, 20.0)
    histogram.add(("in",), {8: 4, 30: 5}, 1000.0)
    text = generate_latest(registry).decode()
    for line in (
        'sizes_bucket{le="32.0",way="in"} 3.0',
        'sizes_bucket{le="128.0",way="in"} 6.0',
        'sizes_bucket{le="512.0",way="in"} 10.0',
        'sizes_bucket{le="+Inf",way="in"} 15.0',
        'sizes_count{way="in"} 15.0',
        'sizes_sum{way="in"} 1020.0',
    ):
        assert line in text


def test_those_of_several_workers_add_up() -> None:
    parts = []
    for count in (1, 2):
        registry = CollectorRegistry()
        sizes(registry).add(("in",), {5: count}, 60.0 * count)
        parts.append(collect(registry))
    text = render(merge(parts)).decode()
    assert 'sizes_bucket{le="128.0",way="in"} 3.0' in text
    assert 'sizes_sum{way="in"} 180.0' in text
