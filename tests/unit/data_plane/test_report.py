from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from services.data_plane.report import Family, Report, collect, growing, merge, render
from services.data_plane.telemetry import Telemetry


def values(families: list[Family]) -> dict[str, float]:
    """Return the samples by name and labels, as a scraper reads them."""
    return {
        f"{sample.name}{dict(sample.labels) or ''}": sample.value
        for family in text_string_to_metric_families(render(families).decode())
        for sample in family.samples
    }


def test_what_one_worker_says_is_rendered_as_the_library_would() -> None:
    telemetry = Telemetry()
    telemetry.handshakes.results.labels("accepted").inc(3)
    telemetry.handshakes.seconds.observe([0.02])
    assert render(merge([collect(telemetry.registry)])) == generate_latest(telemetry.registry)


def test_a_report_survives_the_way_to_the_parent() -> None:
    telemetry = Telemetry()
    telemetry.handshakes.results.labels('with "quotes"\n').inc()
    report = Report(reason="draining", revision=7, refused=[("api", "x")], metrics=collect(telemetry.registry))
    assert Report.model_validate_json(report.model_dump_json()) == report


def test_counters_histograms_and_most_gauges_are_summed() -> None:
    first, second = Telemetry(), Telemetry()
    for number, telemetry in enumerate((first, second), 1):
        telemetry.handshakes.results.labels("accepted").inc(number)
        telemetry.handshakes.seconds.observe([0.02 * number])
        telemetry.state.open.set(10 * number)
    second.handshakes.results.labels("draining").inc()
    found = values(merge([collect(first.registry), collect(second.registry)]))
    assert found["framegate_handshakes_total{'result': 'accepted'}"] == 3
    assert found["framegate_handshakes_total{'result': 'draining'}"] == 1
    assert found["framegate_connections_open"] == 30
    assert found["framegate_workers"] == 2
    assert found["framegate_handshake_seconds_count"] == 2
    assert found["framegate_handshake_seconds_bucket{'le': '0.032768'}"] == 1
    assert found["framegate_handshake_seconds_bucket{'le': '+Inf'}"] == 2


def test_the_catalogue_is_as_old_as_the_worst_worker_has_it() -> None:
    first, second = Telemetry(), Telemetry()
    for revision, age, refused, telemetry in ((7, 0.5, 0, first), (5, 3.0, 2, second)):
        telemetry.state.revision.set(revision)
        telemetry.state.age.set(age)
        telemetry.state.refused.set(refused)
    found = values(merge([collect(first.registry), collect(second.registry)]))
    assert found["framegate_catalogue_revision"] == 5
    assert found["framegate_catalogue_age_seconds"] == 3
    assert found["framegate_catalogue_refused_objects"] == 2


def test_what_counts_the_past_outlives_its_worker_and_what_shows_the_present_does_not() -> None:
    registry = CollectorRegistry()
    Counter("past", "", registry=registry).inc()
    Histogram("times", "", registry=registry).observe(1)
    Gauge("present", "", registry=registry).set(1)
    assert {family.name for family in growing(collect(registry))} == {"past", "times"}
