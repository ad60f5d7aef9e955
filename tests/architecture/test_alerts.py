"""When alerts fire, and that a healthy system calls nobody: by Prometheus' own promtool."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.architecture.repository import ROOT

RULES = ROOT / "deploy" / "prometheus" / "rules.yml"
ALERTS = {
    rule["alert"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"] if "alert" in rule
}

POD, OTHER = '{job="framegate-pods", instance="pod-1:9100"}', '{job="framegate-pods", instance="pod-2:9100"}'
CONTROL = '{job="framegate-control-plane", instance="control-plane:8000"}'


def of(labels: str, **more: str) -> str:
    return labels[:-1] + "".join(f', {name}="{value}"' for name, value in more.items()) + "}"


# Values every 15 s, in promtool's notation: from, by how much each time, how often.
HEALTHY = {
    f"up{POD}": "1x60",
    f"up{OTHER}": "1x60",
    f"up{CONTROL}": "1x60",
    f"framegate_worker_restarts_total{POD}": "7x60",
    f"framegate_event_loop_lag_seconds{POD}": "0.002x60",
    f"framegate_handshakes_total{of(POD, result='accepted')}": "0+100x60",
    f"framegate_handshakes_total{of(POD, result='overloaded')}": "3x60",
    f"framegate_handshakes_total{of(POD, result='upstream_timeout')}": "0+1x60",
    f"framegate_connections_refused_total{of(POD, cause='overloaded')}": "5x60",
    f"framegate_handshake_seconds_bucket{of(POD, le='0.1')}": "0+100x60",
    f"framegate_handshake_seconds_bucket{of(POD, le='5')}": "0+100x60",
    f"framegate_handshake_seconds_bucket{of(POD, le='+Inf')}": "0+100x60",
    f"framegate_catalogue_refused_objects{POD}": "0x60",
    f"framegate_catalogue_age_seconds{POD}": "1x60",
    # It changes with every scrape, and a pod is asked before it is told.
    f"framegate_catalogue_revision{CONTROL}": "100+5x60",
    f"framegate_catalogue_revision{POD}": "95+5x60",
    f"framegate_catalogue_ahead{POD}": "0x60",
    f"framegate_catalogue_failures{CONTROL}": "0x60",
    f"framegate_throttle_decisions_without_redis_total{of(POD, decision='allow')}": "9x60",
    f"framegate_usage_lost_total{POD}": "0x60",
    f"framegate_http_requests_total{of(CONTROL, method='GET', route='/a', status='200')}": "0+100x60",
    f"framegate_http_requests_total{of(CONTROL, method='GET', route='/a', status='503')}": "0+1x60",
}
SICK: dict[str, tuple[set[str], dict[str, str]]] = {
    "nothing is wrong": (set(), {}),
    "one pod is down": ({"FramegatePodDown"}, {f"up{POD}": "0x60"}),
    "all pods are down": ({"FramegatePodDown", "FramegateNoPods"}, {f"up{POD}": "0x60", f"up{OTHER}": "0x60"}),
    "pods were never seen": ({"FramegateNoPods"}, {f"up{POD}": "_x60", f"up{OTHER}": "_x60"}),
    "the control plane is down": ({"FramegateControlPlaneDown"}, {f"up{CONTROL}": "0x60"}),
    "workers end": ({"FramegateWorkersEnd"}, {f"framegate_worker_restarts_total{POD}": "7+1x60"}),
    "a pod is late": ({"FramegatePodLate"}, {f"framegate_event_loop_lag_seconds{POD}": "0.3x60"}),
    "handshakes are refused": (
        {"FramegateOverloaded"},
        {f"framegate_handshakes_total{of(POD, result='overloaded')}": "3+1x60"},
    ),
    "connections are refused": (
        {"FramegateOverloaded"},
        {f"framegate_connections_refused_total{of(POD, cause='overloaded')}": "5+1x60"},
    ),
    "an object is refused": ({"FramegateObjectsRefused"}, {f"framegate_catalogue_refused_objects{POD}": "1x60"}),
    "a pod hears of nothing": (
        {"FramegateConfigurationOld", "FramegatePodBehind"},
        {f"framegate_catalogue_age_seconds{POD}": "0+15x60", f"framegate_catalogue_revision{POD}": "100x60"},
    ),
    "a pod stands still": ({"FramegatePodBehind"}, {f"framegate_catalogue_revision{POD}": "100x60"}),
    "Redis went back": ({"FramegateRedisWentBack"}, {f"framegate_catalogue_ahead{POD}": "1x60"}),
    "pushes fail": ({"FramegatePushFails"}, {f"framegate_catalogue_failures{CONTROL}": "0+1x60"}),
    "Redis is away": (
        {"FramegateLimitsWithoutRedis"},
        {f"framegate_throttle_decisions_without_redis_total{of(POD, decision='allow')}": "9+1x60"},
    ),
    "usage is lost": ({"FramegateUsageLost"}, {f"framegate_usage_lost_total{POD}": "0+1x60"}),
    "backends fail": (
        {"FramegateBackendsFail"},
        {f"framegate_handshakes_total{of(POD, result='upstream_timeout')}": "0+20x60"},
    ),
    "handshakes are slow": (
        {"FramegateHandshakesSlow"},
        {f"framegate_handshake_seconds_bucket{of(POD, le='0.1')}": "0+50x60"},
    ),
    "the control plane fails": (
        {"FramegateControlPlaneFails"},
        {f"framegate_http_requests_total{of(CONTROL, method='GET', route='/a', status='503')}": "0+20x60"},
    ),
}


def run_promtool(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.fail("promtool is needed: apt install prometheus")
    return subprocess.run([promtool, *arguments], capture_output=True, text=True, timeout=50, check=False)


def test_prometheus_takes_its_files() -> None:
    rules = run_promtool("check", "rules", RULES)
    assert rules.returncode == 0, rules.stderr
    configuration = run_promtool("check", "config", "--syntax-only", RULES.with_name("prometheus.yml"))
    assert configuration.returncode == 0, configuration.stderr


def test_each_alert_fires_when_it_should_and_then_alone(tmp_path: Path) -> None:
    tests = [
        {
            "name": name,
            "interval": "15s",
            "input_series": [{"series": series, "values": values} for series, values in (HEALTHY | changes).items()],
            "promql_expr_test": [
                {
                    "expr": 'group by (alertname) (ALERTS{alertstate="firing"})',
                    "eval_time": "15m",
                    "exp_samples": [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in sorted(alerts)],
                }
            ],
        }
        for name, (alerts, changes) in SICK.items()
    ]
    file = tmp_path / "alerts.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "15s", "tests": tests}))
    ran = run_promtool("test", "rules", file)
    assert ran.returncode == 0, ran.stderr


def test_each_alert_is_tried() -> None:
    assert {alert for alerts, _ in SICK.values() for alert in alerts} == ALERTS
