"""The images and the compose file name only what there is."""

import json
import re
import subprocess
import sys
from importlib.metadata import distributions, packages_distributions
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.utils import canonicalize_name
from typer.testing import CliRunner

from cli.main import app
from services.control_plane.settings import Settings as ControlPlaneSettings
from services.data_plane.drain import LAST_SECONDS
from services.data_plane.settings import Settings as DataPlaneSettings
from services.data_plane.workers import MARGIN_SECONDS
from tests.architecture.repository import ROOT, read, tracked
from tests.architecture.test_reference import variables
from tests.support import toolbox

pytestmark = pytest.mark.timeout(300)  # the first test that needs the toolbox installs it

DOCKERFILES = tracked("deploy/*.Dockerfile")
COMPOSE = yaml.safe_load(read(Path("docker-compose.yml")))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
TRACING = {"control_plane": "services.control_plane.kit.tracing", "data_plane": "services.data_plane.tracing"}
EXAMPLE = read(Path("deploy/example.env"))

# Run with the image's files and packages alone: nothing else may fill in for what was not copied, or removed. We are no
# package there ourselves.
IMPORT_IN_IMAGE = """
import sys
from importlib import metadata
root, image, removed, *modules = sys.argv[1:]
installed = metadata.distribution
def distribution(name):
    if name == "framegate":
        raise metadata.PackageNotFoundError(name)
    return installed(name)
metadata.distribution = distribution
sys.modules |= dict.fromkeys(removed.split())  # as if they weren't there
sys.path = [image] + [path for path in sys.path if path not in ("", root)]
for module in modules:
    __import__(module)
foreign = [m.__file__ for m in sys.modules.values() if (getattr(m, "__file__", None) or "").startswith(root + "/")]
assert not [file for file in foreign if ".venv" not in file], foreign
"""


def instructions(path: Path, name: str) -> list[str]:
    text = read(path).replace("\\\n", " ")
    return re.findall(rf"^\s*{name}\s+(.+)$", text, re.MULTILINE)


def copied(path: Path) -> list[str]:
    return [line.split()[0] for line in instructions(path, "COPY") if not line.startswith("--from")]


@pytest.mark.parametrize("path", DOCKERFILES, ids=str)
def test_an_image_copies_what_there_is(path: Path) -> None:
    for source in copied(path):
        assert (ROOT / source).exists()
    assert "deploy/requirements.lock" in copied(path)


def removed(path: Path) -> set[str]:
    """Return the modules of the packages that an image goes without."""
    (packages,) = (run.partition("--yes")[2].split() for run in instructions(path, "RUN") if " uninstall " in run)
    missing = set(packages) - {canonicalize_name(item.name) for item in distributions()}
    assert not missing, "there is no such package"
    return {
        module
        for module, owners in packages_distributions().items()
        if {canonicalize_name(owner) for owner in owners} & set(packages)
    }


@pytest.mark.parametrize("path", DOCKERFILES, ids=str)
def test_an_image_is_pinned_and_does_not_run_as_root(path: Path) -> None:
    stages = re.findall(r" AS (\w+)$", read(path), re.MULTILINE)
    bases = {image.split()[0] for image in instructions(path, "FROM")} - set(stages)
    assert all(re.fullmatch(r"python:3\.11-slim-\w+", base) for base in bases)
    assert instructions(path, "USER") == ["10001"]
    assert all("--require-hashes" in run for run in instructions(path, "RUN") if " install --no-cache-dir" in run)
    assert instructions(path, "HEALTHCHECK")


@pytest.mark.parametrize("path", DOCKERFILES, ids=str)
def test_an_image_starts_with_a_real_command(path: Path) -> None:
    assert json.loads(instructions(path, "ENTRYPOINT")[0]) == ["python", "-m", "cli.main"]
    command, *options = json.loads(instructions(path, "CMD")[-1])
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert all(option in result.output for option in options if option.startswith("--"))


@pytest.mark.parametrize("path", DOCKERFILES, ids=str)
def test_an_image_holds_all_that_its_plane_imports(path: Path, tmp_path: Path) -> None:
    for name in tracked(*[source for source in copied(path) if not source.startswith("deploy")]):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).symlink_to(ROOT / name)
    plane = path.name.partition(".")[0].replace("-", "_")
    command = [sys.executable, "-B", "-c", IMPORT_IN_IMAGE, str(ROOT), str(tmp_path), " ".join(removed(path))]
    ran = subprocess.run(
        [*command, "cli.main", f"services.{plane}.__main__", TRACING[plane]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize(
    ("service", "settings"),
    [("control-plane", ControlPlaneSettings), ("pod-1", DataPlaneSettings), ("pod-2", DataPlaneSettings)],
)
def test_compose_sets_only_what_the_settings_know(
    service: str, settings: type[ControlPlaneSettings | DataPlaneSettings]
) -> None:
    known = variables(settings) | {"OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"}
    assert SERVICES[service]["environment"].keys() <= known
    assert "FRAMEGATE_DEMO" not in SERVICES[service]["environment"]


def test_compose_has_no_secret_of_its_own() -> None:
    """What is secret must be given: `${NAME:?...}` does not start without it."""
    secrets = re.findall(r"\$\{(\w*(?:PASSWORD|SECRET)\w*)(:\?)?", read(Path("docker-compose.yml")))
    assert secrets
    assert all(required for _, required in secrets)


def test_the_example_names_every_variable_and_gives_no_value_to_a_secret() -> None:
    needed = set(re.findall(r"\$\{(\w+)", read(Path("docker-compose.yml"))))
    needed |= {
        name for service in SERVICES.values() for name, value in service.get("environment", {}).items() if value is None
    }
    given = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE))
    assert given.keys() >= needed - {"FRAMEGATE_ON_REDIS_LOSS"}
    assert not [name for name, value in given.items() if value and re.search("PASSWORD|SECRET|KEY", name)]


def test_compose_builds_and_mounts_what_there_is() -> None:
    for service in SERVICES.values():
        if build := service.get("build"):
            assert (ROOT / build["dockerfile"]).exists()
        for source, mounted, _ in (volume.partition(":") for volume in service.get("volumes", [])):
            assert not mounted or source in COMPOSE["volumes"] or source.startswith("$") or (ROOT / source).exists()


def test_redis_keeps_what_the_pods_follow() -> None:
    command = " ".join(SERVICES["redis"]["command"])
    assert "--maxmemory-policy noeviction" in command
    assert "--appendonly yes" in command


def test_only_the_gateway_is_open_to_the_network() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert ports == {
        "control-plane": ["127.0.0.1:8000:8000"],
        "grafana": ["127.0.0.1:3000:3000"],
        "haproxy": ["9099:9099", "8099:8099"],
    }
    assert COMPOSE["networks"]["data"]["internal"]
    assert COMPOSE["networks"]["watch"]["internal"]
    assert {name for name, service in SERVICES.items() if "data" in service["networks"]} == {
        "postgres",
        "redis",
        "control-plane",
        "pod-1",
        "pod-2",
    }


def test_a_pod_has_time_to_drain() -> None:
    pod = SERVICES["pod-1"]
    drain = int(pod["environment"]["FRAMEGATE_DRAIN_SECONDS"])
    assert int(pod["stop_grace_period"].rstrip("s")) > drain + LAST_SECONDS + MARGIN_SECONDS


def test_compose_follows_its_specification() -> None:
    ran = toolbox.run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", ROOT / "docker-compose.yml")
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_a_container_may_do_nothing_but_its_work(service: dict[str, Any]) -> None:
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert not service.keys() & {"privileged", "cap_add", "network_mode", "pid", "ipc"}


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_is_asked_how_it_does(name: str) -> None:
    """Those of our images are asked as the image says."""
    assert "healthcheck" in SERVICES[name] or "build" in SERVICES[name]


def test_the_images_list_what_is_in_them(tmp_path: Path) -> None:
    """The command of the images, run for the environment that the tests run in."""
    (command,) = {run for path in DOCKERFILES for run in instructions(path, "RUN") if "cyclonedx-py" in run}
    program, *arguments = command.split()
    listed = tmp_path / "sbom.json"
    places = {"/sbom.cdx.json": str(listed), "/opt/framegate/bin/python": sys.executable}
    ran = toolbox.run(program, *(places.get(argument, argument) for argument in arguments))
    assert ran.returncode == 0, ran.stderr
    sbom = json.loads(listed.read_text())
    assert sbom["bomFormat"] == "CycloneDX"
    assert "serialNumber" not in sbom  # made anew each time, as a timestamp is
    assert "timestamp" not in sbom["metadata"]
    packages = {component.get("purl"): component for component in sbom["components"]}
    pinned = re.findall(r"^([\w.-]+)==([^\s;]+) \\$", read(Path("deploy/requirements.lock")), re.MULTILINE)
    assert len(pinned) > 30
    assert {f"pkg:pypi/{name}@{version}" for name, version in pinned} <= packages.keys()
    assert packages[f"pkg:pypi/aiohttp@{dict(pinned)['aiohttp']}"]["licenses"]
