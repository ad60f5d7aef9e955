"""Results become tables and a picture, by one command, from what is committed."""

import json
from collections.abc import Mapping
from pathlib import Path
from shutil import copy
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from benchmarks import plot, report
from benchmarks.harness.layout import json_text
from benchmarks.harness.results import read_newest
from tests.architecture.repository import ROOT, tracked

MACHINE = {"cpu": "A CPU", "cores": 2, "kernel": "6.1", "python": "3.11"}


def spread(median: float) -> dict[str, float]:
    return {"median": median, "q1": median, "q3": median}


def result(benchmark: str, figure: str, values: Mapping[str, float], date: str = "2026-01-01") -> dict[str, Any]:
    """Return a result with one workload, in which each proxy has that value."""
    ratios = [
        {"figure": figure, "subject": "framegate", "peer": name, **spread(values["framegate"] / value)}
        for name, value in values.items()
        if name != "framegate"
    ]
    figures = {figure: {name: spread(value) for name, value in values.items()}}
    return {
        "benchmark": benchmark,
        "date": f"{date}T00:00:00+00:00",
        "machine": MACHINE,
        "versions": {"framegate": "Framegate 1", "nginx": "nginx 2"},
        "method": {"times": 9},
        "workloads": [{"name": "some", "connections": 1, "figures": figures, "ratios": ratios}],
    }


RELAY = result("relay", "cpu_us_a_message", {"framegate": 6, "nginx": 4, "haproxy": 5, "aiohttp": 20})


def test_the_page_and_the_picture_show_the_newest_committed_results(tmp_path: Path) -> None:
    for path in tracked("benchmarks/results/*.json"):
        copy(ROOT / path, tmp_path)
    results = report.read_results(tmp_path)
    page, picture = report.PAGE.read_text(), plot.PICTURE.read_text()

    assert report.fill_in(page, results) == page, "run python -m benchmarks.report"
    assert plot.draw(results) == picture, "run python -m benchmarks.report"


def test_the_page_has_a_place_for_every_part() -> None:
    assert [name for name in report.PARTS if f"<!-- {name} -->" not in report.PAGE.read_text()] == []


def test_the_newest_of_a_benchmark_is_taken(tmp_path: Path) -> None:
    for date in ("2026-01-02", "2026-01-03", "2026-01-01"):
        (tmp_path / f"relay-{date}.json").write_text(json.dumps(result("relay", "x", {"framegate": 1}, date)))
    (tmp_path / "relay-more-1.json").write_text(json.dumps(result("relay-more", "x", {"framegate": 1}, "2026-02-01")))

    newest = read_newest("relay", tmp_path)

    assert newest is not None
    assert newest["date"].startswith("2026-01-03")
    assert read_newest("memory", tmp_path) is None


def test_a_table_has_the_ratio_to_the_cheapest_native_proxy() -> None:
    page = report.fill_in("<!-- relay -->\nold\n<!-- end -->", {"relay": RELAY})

    assert "| `some` | 6.00 [6.00, 6.00] | **1.50 [1.50, 1.50]** | 1.50 [1.50, 1.50] | 1.20 [1.20, 1.20] |" in page
    assert "old" not in page


def test_a_table_has_a_row_a_proxy() -> None:
    measured = result("memory", "bytes_a_connection", {"framegate": 4000, "nginx": 16000})

    page = report.fill_in("<!-- memory -->\n<!-- end -->", {"memory": measured})

    assert "| framegate | 4000 [4000, 4000] |  |" in page
    assert "| nginx | 16000 [16000, 16000] | 0.250 [0.250, 0.250] |" in page


def test_a_table_has_the_questions_a_message_of_those_that_ask() -> None:
    measured = result("throttle", "cpu_us_a_message", {"framegate": 6, "aiohttp": 20})
    measured["workloads"][0] |= {
        "questions_a_message": {"framegate": spread(0.0012), "aiohttp": spread(0)},
        "wait_p99_us": spread(12),
    }

    page = report.fill_in("<!-- throttle-questions -->\n<!-- end -->", {"throttle": measured})

    assert "| workload | framegate | a round's p99 is later by, us |" in page
    assert "| `some` | 0.00120 | 12.0 [12.0, 12.0] |" in page


def test_what_was_not_measured_says_so() -> None:
    page = report.fill_in("<!-- relay -->\n<!-- end -->\n<!-- latency -->\n<!-- end -->", {"relay": RELAY})

    assert page.endswith("<!-- latency -->\nNot measured yet.\n<!-- end -->")


@pytest.mark.parametrize("results", [{}, {"relay": RELAY}], ids=["nothing", "relay"])
def test_the_picture_is_drawn_of_what_there_is(results: dict[str, Any]) -> None:
    picture = ET.fromstring(plot.draw(results))  # noqa: S314 - our own

    dots = [circle for circle in picture.iter("{http://www.w3.org/2000/svg}circle") if float(circle.attrib["cy"]) > 80]
    assert len(dots) == (3 if results else 0)
    assert "not measured yet" in "".join(picture.itertext())


def test_json_is_written_a_line_for_what_fits() -> None:
    value = {"few": [1, 2], "many": [{"name": "x" * 90}, {"name": "y" * 90}]}

    lines = json_text(value).splitlines()

    assert json.loads(json_text(value)) == value
    assert ' "few": [1, 2],' in lines
    assert len(lines) == 7


def test_a_table_of_lists_has_a_row_a_list_and_columns_a_database() -> None:
    one = {"name": "/apis", "total_ms": 1.234, "figures": {"ms_a_page": {"many": spread(5)}}, "ratios": [spread(1.1)]}
    measured = {"workloads": [{**one, "database": "sqlite"}, {**one, "database": "postgresql"}]}

    page = report.fill_in("<!-- lists -->\n<!-- end -->", {"lists": measured})

    cells = "5.00 [5.00, 5.00] | 1.10 [1.10, 1.10] | 1.23"
    assert f"| `/apis` | {cells} | {cells} |" in page
