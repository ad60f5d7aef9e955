"""Prometheus' rules and Grafana's dashboard ask for metrics, labels and values that there are."""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from promql_parser import (
    AggModifierType,
    AggregateExpr,
    BinaryExpr,
    Call,
    MatchOp,
    MatrixSelector,
    NumberLiteral,
    ParenExpr,
    VectorSelector,
    parse,
)

from services.data_plane.connection import Stage
from shared.problems import PROBLEMS
from tests.architecture.repository import ROOT, read, tracked

DEPLOY = ROOT / "deploy"
PROMETHEUS = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
GROUPS = yaml.safe_load((DEPLOY / "prometheus/rules.yml").read_text())["groups"]
RULES: list[dict[str, Any]] = [rule for group in GROUPS for rule in group["rules"]]
RECORDS = {rule["record"]: rule["expr"] for rule in RULES if "record" in rule}
ALERTS = [rule for rule in RULES if "alert" in rule]
DASHBOARD = json.loads((DEPLOY / "grafana/dashboards/framegate.json").read_text())
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
COMPOSE = yaml.safe_load(read(Path("docker-compose.yml")))["services"]

ENDINGS = {"Counter": ("_total",), "Gauge": ("",), "Histogram": ("_bucket", "_sum", "_count")}
ENDINGS["Exponential"] = ENDINGS["Histogram"]
TARGET = frozenset({"instance", "job"})
VALUES = {
    "job": {job["job_name"] for job in PROMETHEUS["scrape_configs"]},
    "result": {*PROBLEMS, "accepted", "client_gone", "ok", "failed"},
    "cause": set(PROBLEMS),
    "stage": set(get_args(Stage)),
    "status": {str(problem.status) for problem in PROBLEMS.values()},
}


def declared() -> Iterator[tuple[str, str, frozenset[str]]]:
    """Yield kind, name and labels of each metric, as the sources declare it."""
    for path in tracked("services/*.py"):
        for node in ast.walk(ast.parse(read(path))):
            match node:
                case ast.Call(ast.Name(kind), [ast.Constant(str(name)), _, *labels]) if kind in ENDINGS:
                    yield kind, name, frozenset(ast.literal_eval(labels[0]) if labels else ())


@cache
def exposed() -> Mapping[str, frozenset[str]]:
    """Return the labels of each series that a scrape brings, and of those that rules record."""
    found = {"up": TARGET}
    for kind, name, labels in declared():
        for ending in ENDINGS[kind]:
            mine = labels | TARGET | ({"le"} if ending == "_bucket" else frozenset())
            found[name + ending] = found.get(name + ending, frozenset()) | mine
    for name, expression in RECORDS.items():
        found[name] = labels_of(parse(expression), found)
    return found


def labels_of(expression: Any, series: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Return the labels that the result of an expression has. Fails where one is asked for that there isn't."""
    match expression:
        case VectorSelector(name=str(name)):
            assert name in series, f"there is no {name}"
            check_matchers(expression, series[name])
            return series[name]
        case MatrixSelector(vector_selector=inner) | ParenExpr(expr=inner):
            return labels_of(inner, series)
        case AggregateExpr():
            return labels_of_aggregate(expression, series)
        case BinaryExpr(lhs=left, rhs=right):
            labels_of(right, series)
            return labels_of(left, series)
        case Call():
            return labels_of_call(expression, series)
        case NumberLiteral():
            return frozenset()
        case _:
            raise AssertionError(f"{type(expression)} is not foreseen here")


def labels_of_aggregate(expression: AggregateExpr, series: Mapping[str, frozenset[str]]) -> frozenset[str]:
    inside = labels_of(expression.expr, series)
    if "topk" in str(expression.op):
        return inside
    if expression.modifier is None:
        return frozenset()
    assert expression.modifier.type == AggModifierType.By
    assert inside >= set(expression.modifier.labels), f"{expression.modifier.labels} of {sorted(inside)}"
    return frozenset(expression.modifier.labels)


def labels_of_call(expression: Call, series: Mapping[str, frozenset[str]]) -> frozenset[str]:
    labels = frozenset(label for argument in expression.args for label in labels_of(argument, series))
    match expression.func.name:
        case "rate" | "increase":
            (argument,) = expression.args
            assert re.search(r"_(total|bucket|sum|count)$", argument.vector_selector.name), "only what grows has a rate"
            return labels
        case "histogram_quantile":
            assert "le" in labels
            return labels - {"le"}
        case "absent":
            return frozenset({"job"}) & labels
        case "scalar":
            return frozenset()
        case unknown:
            raise AssertionError(f"{unknown} is not foreseen here")


def check_matchers(selector: VectorSelector, labels: frozenset[str]) -> None:
    for matcher in selector.matchers.matchers:
        assert matcher.name in labels, f"{selector.name} has no label {matcher.name}"
        for value in matcher.value.split("|") if matcher.op == MatchOp.Re else [matcher.value]:
            pattern = value if matcher.op == MatchOp.Re else re.escape(value)
            known = VALUES[matcher.name]
            assert any(re.fullmatch(pattern, one) for one in known), f"{matcher.name} is never {value}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_asks_for_what_there_is(rule: dict[str, Any]) -> None:
    has = labels_of(parse(rule["expr"]), exposed())
    shown = set(re.findall(r"\$labels\.(\w+)", str(rule.get("annotations"))))
    assert shown <= has


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_says_how_bad_it_is_and_what_to_do(alert: dict[str, Any]) -> None:
    assert alert["labels"].keys() == {"severity"}
    assert alert["labels"]["severity"] in ("critical", "warning")
    assert alert["annotations"].keys() == {"summary", "description"}
    assert "for" in alert or "increase(" in alert["expr"]


def test_names_are_unique() -> None:
    names = [rule.get("alert") or rule["record"] for rule in RULES]
    assert len(names) == len(set(names))


def test_everything_that_is_recorded_is_used() -> None:
    used = json.dumps([ALERTS, PANELS])
    assert not [name for name in RECORDS if name not in used]


def test_the_expressions_that_are_proposed_ask_for_what_there_is() -> None:
    proposed = re.findall(r"^\|.*\| `(.*)` \|$", read(Path("docs/how-to/alert.md")), re.MULTILINE)
    assert proposed
    for expression in proposed:
        labels_of(parse(expression), exposed())


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_asks_for_what_there_is(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        has = labels_of(parse(target["expr"]), exposed())
        assert set(re.findall(r"{{(\w+)}}", target.get("legendFormat", ""))) <= has


def test_every_metric_is_on_the_dashboard() -> None:
    shown = json.dumps([RULES, PANELS])
    assert not [name for _, name, _ in declared() if name not in shown]


def test_no_panel_covers_another() -> None:
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in DASHBOARD["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_grafana_finds_its_dashboard_and_prometheus() -> None:
    mounts = dict(volume.split(":")[:2] for volume in COMPOSE["grafana"]["volumes"])
    assert mounts["./deploy/grafana/provisioning"] == "/etc/grafana/provisioning"
    (provider,) = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/framegate.yml").read_text())["providers"]
    assert provider["options"]["path"] == mounts["./deploy/grafana/dashboards"]
    (source,) = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    (variable,) = DASHBOARD["templating"]["list"]
    assert (variable["type"], variable["query"]) == ("datasource", source["type"])
    assert {panel["datasource"]["uid"] for panel in PANELS} == {f"${{{variable['name']}}}"}


def test_prometheus_asks_every_pod_and_the_control_plane() -> None:
    targets = [target for job in PROMETHEUS["scrape_configs"] for target in job["static_configs"][0]["targets"]]
    pods = [name for name in COMPOSE if name.startswith("pod-")]
    assert sorted(targets) == sorted(["control-plane:8000", *(f"{pod}:9100" for pod in pods)])
    for target in targets:
        assert set(COMPOSE["prometheus"]["networks"]) & set(COMPOSE[target.partition(":")[0]]["networks"])
    mounts = dict(volume.split(":")[:2] for volume in COMPOSE["prometheus"]["volumes"])
    assert PROMETHEUS["rule_files"] == [mounts["./deploy/prometheus/rules.yml"]]


def test_texts_name_metrics_that_there_are() -> None:
    families = {name for _, name, _ in declared()}
    for path in tracked("deploy/prometheus/*", "deploy/grafana/*", "docs/how-to/*.md"):
        for name in set(re.findall(r"\bframegate_[a-z_]+", read(path))):
            assert name in families | exposed().keys(), f"{path} names {name}"
