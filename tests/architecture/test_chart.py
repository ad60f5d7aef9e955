"""The Helm chart, as Helm itself renders it: what Kubernetes gets is valid, hardened, and fits the programs."""

import json
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from cli.main import app
from services.control_plane.settings import Settings as ControlPlaneSettings
from services.data_plane.drain import LAST_SECONDS
from services.data_plane.settings import Settings as DataPlaneSettings
from services.data_plane.telemetry import Telemetry
from services.data_plane.workers import MARGIN_SECONDS
from shared.version import VERSION
from tests.architecture.repository import ROOT, read
from tests.support import toolbox

pytestmark = pytest.mark.timeout(300)  # the first test that needs the toolbox installs it

Object = dict[str, Any]

CHART = str(ROOT / "deploy" / "helm" / "framegate")
OLDEST, NEWEST = "1.30", "1.37"
REDIS = "redis://:secret@redis:6379/0"
LEAST: dict[str, Any] = {
    "publicUrl": "https://framegate.example.com",
    "gatewayUrl": "wss://gateway.example.com",
    "controlPlane": {
        "secret": {
            "FRAMEGATE_DATABASE_URL": "postgresql+psycopg://framegate@postgres/framegate",
            "FRAMEGATE_REDIS_URL": REDIS,
            "FRAMEGATE_SECRET_KEY": "k" * 32,
        }
    },
    "dataPlane": {"secret": {"FRAMEGATE_REDIS_URL": REDIS}},
}
MOST: dict[str, Any] = {
    "gatewayTlsUrl": "wss://gateway.example.com:8099",
    "endpointAllow": "10.0.0.0/8",
    "endpointDeny": "10.0.0.1/32",
    "imagePullSecrets": [{"name": "registry"}],
    "controlPlane": {
        "image": {"repository": "registry.example.com/control", "tag": "2.0.0", "pullPolicy": "Always"},
        "existingSecret": "mine",
        "env": {"FRAMEGATE_SELF_REGISTRATION": True, "FRAMEGATE_SESSION_SECONDS": 600},
        "service": {"type": "LoadBalancer", "annotations": {"a": "b"}},
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"key": "a", "operator": "Exists"}],
    },
    "dataPlane": {
        "existingSecret": "pods",
        "env": {"FRAMEGATE_TRUSTED_PROXIES": "10.1.0.0/16", "FRAMEGATE_MAX_HANDSHAKES_PER_SECOND": 500},
        "drainSeconds": 120,
        "onRedisLoss": "deny",
        "tls": {"existingSecret": "certificate"},
        "autoscaling": {"enabled": False},
        "service": {"type": "LoadBalancer", "annotations": {"a": "b"}},
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"key": "a", "operator": "Exists"}],
    },
    "networkPolicy": {
        "clients": [{"ipBlock": {"cidr": "192.0.2.0/24"}}],
        "administrators": [{"podSelector": {}}],
        "metrics": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}],
        "egress": [{"to": [{"podSelector": {}}]}],
    },
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
}


def with_values(*changes: dict[str, Any]) -> dict[str, Any]:
    """Return the least values that are needed, with changes: a dict goes into a dict, as in Helm."""
    merged: dict[str, Any] = json.loads(json.dumps(LEAST))
    for change in changes:
        _merge(merged, change)
    return merged


def _merge(into: dict[str, Any], change: dict[str, Any]) -> None:
    for key, value in change.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


@cache
def _render(values: str) -> dict[str, Any]:
    answer: dict[str, Any] = toolbox.ask("render", chart=CHART, values=json.loads(values))
    return answer


def refusal_of(values: dict[str, Any]) -> str:
    return str(_render(json.dumps(values))["error"])


def rendered(*changes: dict[str, Any]) -> list[Object]:
    answer = _render(json.dumps(with_values(*changes)))
    assert answer["error"] is None
    texts = [text for name, text in answer["files"].items() if name.endswith(".yaml")]
    return [item for text in texts for item in yaml.safe_load_all(text) if item]


def find(objects: list[Object], kind: str, name: str) -> Object:
    (found,) = (item for item in objects if item["kind"] == kind and item["metadata"]["name"] == f"gw-framegate-{name}")
    return found


def container(objects: list[Object], plane: str) -> Object:
    (only,) = find(objects, "Deployment", plane)["spec"]["template"]["spec"]["containers"]
    return dict(only)


def all_containers(objects: list[Object]) -> Iterator[Object]:
    for item in objects:
        if item["kind"] == "Deployment":
            pod = item["spec"]["template"]["spec"]
            yield from [*pod.get("initContainers", []), *pod["containers"]]


ALL_VALUES = pytest.mark.parametrize("change", [{}, MOST], ids=["least", "most"])


@ALL_VALUES
def test_helm_finds_nothing_wrong(change: dict[str, Any]) -> None:
    assert toolbox.ask("lint", chart=CHART, values=with_values(change)) == []


@ALL_VALUES
@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_kubernetes_knows_every_field(version: str, change: dict[str, Any]) -> None:
    objects = [item for item in rendered(change) if item["kind"] != "ServiceMonitor"]  # an operator's, not its own
    assert toolbox.ask("check_objects", version=version, objects=objects) == []


def test_it_needs_the_version_that_was_tried() -> None:
    chart = yaml.safe_load((ROOT / "deploy/helm/framegate/Chart.yaml").read_text())
    assert chart["kubeVersion"] == f">={OLDEST}.0-0"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"publicUrl": ""}, "publicUrl"),
        ({"gatewayUrl": "https://gateway.example.com"}, "gatewayUrl"),
        ({"unknown": 1}, "unknown"),
        ({"controlPlane": {"secret": {"FRAMEGATE_SECRET_KEY": "short"}}}, "FRAMEGATE_SECRET_KEY"),
        ({"controlPlane": {"env": {"lower_case": "1"}}}, "lower_case"),
        ({"dataPlane": {"drainSeconds": -1}}, "drainSeconds"),
        ({"dataPlane": {"onRedisLoss": "perhaps"}}, "onRedisLoss"),
        ({"dataPlane": {"autoscaling": {"cpuPercent": 101}}}, "cpuPercent"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_value_that_makes_no_sense_is_refused_by_name(change: dict[str, Any], named: str) -> None:
    assert named in refusal_of(with_values(change))


def test_it_refuses_to_start_without_its_secrets() -> None:
    without = {key: value for key, value in LEAST.items() if key not in ("controlPlane", "dataPlane")}
    for name in ("FRAMEGATE_DATABASE_URL", "FRAMEGATE_REDIS_URL", "FRAMEGATE_SECRET_KEY"):
        assert name in refusal_of(without)


@ALL_VALUES
def test_containers_may_do_nothing_but_their_work(change: dict[str, Any]) -> None:
    objects = rendered(change)
    for item in all_containers(objects):
        context = item["securityContext"]
        assert context["readOnlyRootFilesystem"]
        assert not context["allowPrivilegeEscalation"]
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert item["resources"]["limits"]["memory"]
        assert item["resources"]["requests"].keys() == {"cpu", "memory"}
    for plane in ("control-plane", "data-plane"):
        pod = find(objects, "Deployment", plane)["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["runAsUser"] == 10001  # the images'
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not pod["automountServiceAccountToken"]
        assert not any("hostPath" in volume for volume in pod["volumes"])


@ALL_VALUES
@pytest.mark.parametrize(
    ("plane", "settings"), [("control-plane", ControlPlaneSettings), ("data-plane", DataPlaneSettings)]
)
def test_the_programs_take_what_they_are_told(
    plane: str,
    settings: type[ControlPlaneSettings | DataPlaneSettings],
    change: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = {item["name"]: item["value"] for item in container(rendered(change), plane)["env"]}
    key = "controlPlane" if plane == "control-plane" else "dataPlane"
    known = {f"FRAMEGATE_{name}".upper() for name in settings.model_fields} | {"FRAMEGATE_DATA_PLANE_WORKERS"}
    assert {*told, *LEAST[key]["secret"]} <= known
    for name, value in (told | LEAST[key]["secret"]).items():
        if not name.startswith("FRAMEGATE_TLS_"):  # files of the container's
            monkeypatch.setenv(name, value)
    settings()


def test_commands_are_real() -> None:
    commands = [item["args"] for item in all_containers(rendered())]
    assert ["migrate", "upgrade"] in commands
    for words in commands:
        names = [word for word in words if not word.startswith("-") and word != "0.0.0.0"]
        said = CliRunner().invoke(app, [*names, "--help"], env={"COLUMNS": "200"})
        assert said.exit_code == 0
        assert all(word in said.output for word in words if word.startswith("--"))


def test_migrations_come_first_and_nobody_else_does_them() -> None:
    pod = find(rendered(), "Deployment", "control-plane")["spec"]["template"]["spec"]
    assert [item["args"] for item in pod["initContainers"]] == [["migrate", "upgrade"]]
    assert "--no-migrate" in pod["containers"][0]["args"]


def test_ports_and_probes_are_the_programs() -> None:
    objects = rendered({"dataPlane": {"tls": {"existingSecret": "certificate"}}})
    ports = {plane: container(objects, plane)["ports"] for plane in ("control-plane", "data-plane")}
    assert {port["name"]: port["containerPort"] for port in ports["control-plane"]} == {"http": 8000}
    assert {port["name"]: port["containerPort"] for port in ports["data-plane"]} == {
        "ws": 9099,
        "wss": 8099,
        "ops": 9100,
    }
    for plane, port in (("control-plane", "http"), ("data-plane", "ops")):
        item = container(objects, plane)
        paths = {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
        assert {probe: item[probe]["httpGet"] for probe in paths} == {
            probe: {"path": path, "port": port} for probe, path in paths.items()
        }


@pytest.mark.parametrize("seconds", [0, 30, 600])
def test_a_pod_has_time_to_drain(seconds: int) -> None:
    objects = rendered({"dataPlane": {"drainSeconds": seconds}})
    pod = find(objects, "Deployment", "data-plane")["spec"]["template"]["spec"]
    item = container(objects, "data-plane")
    asleep = item["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert {"name": "FRAMEGATE_DRAIN_SECONDS", "value": str(seconds)} in item["env"]
    assert pod["terminationGracePeriodSeconds"] > asleep + seconds + LAST_SECONDS + MARGIN_SECONDS


def test_pods_never_see_what_only_the_control_plane_needs() -> None:
    objects = rendered()
    assert find(objects, "Secret", "data-plane")["stringData"] == {"FRAMEGATE_REDIS_URL": REDIS}
    assert container(objects, "data-plane")["envFrom"] == [{"secretRef": {"name": "gw-framegate-data-plane"}}]
    assert "FRAMEGATE_SECRET_KEY" in find(objects, "Secret", "control-plane")["stringData"]


def test_secrets_stand_in_secrets_alone() -> None:
    for item in rendered():
        if item["kind"] != "Secret":
            assert "secret@redis" not in json.dumps(item)


def test_a_secret_of_ones_own_is_taken_instead() -> None:
    objects = rendered(MOST)
    assert not [item for item in objects if item["kind"] == "Secret"]
    for plane, name in (("control-plane", "mine"), ("data-plane", "pods")):
        assert container(objects, plane)["envFrom"] == [{"secretRef": {"name": name}}]


def test_another_secret_makes_other_pods() -> None:
    key = {"controlPlane": {"secret": {"FRAMEGATE_SECRET_KEY": "l" * 32}}}
    templates = [find(rendered(change), "Deployment", "control-plane")["spec"]["template"] for change in ({}, key)]
    assert templates[0]["metadata"]["annotations"] != templates[1]["metadata"]["annotations"]


@ALL_VALUES
def test_what_selects_pods_selects_some(change: dict[str, Any]) -> None:
    objects = rendered(change)
    labels = [
        item["spec"]["template"]["metadata"]["labels"].items() for item in objects if item["kind"] == "Deployment"
    ]
    for item in objects:
        spec = item.get("spec", {})
        selector = spec.get("podSelector", spec.get("selector"))
        if selector is None or item["kind"] == "ServiceMonitor":
            continue
        wanted = selector.get("matchLabels", selector).items()
        assert sum(wanted <= of_pod for of_pod in labels) == 1, item["metadata"]["name"]


def test_pods_are_added_by_connections_and_cpu() -> None:
    objects = rendered()
    autoscaler = find(objects, "HorizontalPodAutoscaler", "data-plane")["spec"]
    assert autoscaler["scaleTargetRef"]["name"] == "gw-framegate-data-plane"
    by_connections, by_cpu = autoscaler["metrics"]
    metric = by_connections["pods"]["metric"]["name"]
    assert metric in {family.name for family in Telemetry().registry.collect()}
    assert by_connections["pods"]["target"] == {"type": "AverageValue", "averageValue": "10000"}
    assert by_cpu["resource"]["target"]["averageUtilization"] == 70
    assert "replicas" not in find(objects, "Deployment", "data-plane")["spec"]  # it would be set back at each upgrade


def test_without_the_autoscaler_there_are_as_many_as_were_asked_for() -> None:
    objects = rendered({"dataPlane": {"autoscaling": {"enabled": False}, "replicas": 7}})
    assert not [item for item in objects if item["kind"] == "HorizontalPodAutoscaler"]
    assert find(objects, "Deployment", "data-plane")["spec"]["replicas"] == 7


def test_a_roll_out_takes_no_capacity_away() -> None:
    for plane in ("control-plane", "data-plane"):
        assert find(rendered(), "Deployment", plane)["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
        assert find(rendered(), "PodDisruptionBudget", plane)["spec"]["maxUnavailable"] == 1


def test_nobody_reaches_the_ops_port_until_somebody_is_named() -> None:
    default = find(rendered(), "NetworkPolicy", "data-plane")["spec"]
    assert [port["port"] for rule in default["ingress"] for port in rule["ports"]] == ["ws"]
    _, ops = find(rendered(MOST), "NetworkPolicy", "data-plane")["spec"]["ingress"]
    assert ops == {"ports": [{"protocol": "TCP", "port": "ops"}], "from": MOST["networkPolicy"]["metrics"]}


def test_clouds_metadata_are_out_of_reach() -> None:
    for plane in ("control-plane", "data-plane"):
        policy = find(rendered(), "NetworkPolicy", plane)["spec"]
        assert policy["policyTypes"] == ["Ingress", "Egress"]
        blocks = [peer["ipBlock"] for rule in policy["egress"] for peer in rule.get("to", []) if "ipBlock" in peer]
        assert {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]} in blocks


def test_prometheus_finds_both_planes_under_the_jobs_of_the_rules() -> None:
    assert not [item for item in rendered() if item["kind"] == "ServiceMonitor"]
    objects = rendered(MOST)
    configured = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())["scrape_configs"]
    jobs = set()
    for item in objects:
        if item["kind"] == "ServiceMonitor":
            (endpoint,) = item["spec"]["endpoints"]
            wanted = item["spec"]["selector"]["matchLabels"].items()
            (service,) = (
                one for one in objects if one["kind"] == "Service" and wanted <= one["metadata"]["labels"].items()
            )
            assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
            assert item["metadata"]["labels"]["release"] == "prometheus"
            jobs |= {relabelling["replacement"] for relabelling in endpoint["relabelings"]}
    assert jobs == {job["job_name"] for job in configured}


def test_the_values_of_the_documentation_are_taken() -> None:
    page = read(Path("docs/how-to/run-on-kubernetes.md"))
    (example,) = (block for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "publicUrl" in block)
    answer = _render(json.dumps(yaml.safe_load(example)))
    assert answer["error"] is None
    notes = answer["files"]["framegate/templates/NOTES.txt"]
    assert "https://framegate.example.com" in notes
    assert "service/gw-framegate-data-plane:9099" in notes


def test_it_is_of_the_projects_version() -> None:
    chart = yaml.safe_load((ROOT / "deploy/helm/framegate/Chart.yaml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert chart["version"] == chart["appVersion"] == project["version"] == VERSION
