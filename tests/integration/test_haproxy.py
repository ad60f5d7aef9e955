import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support.certificate import make_certificate

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "deploy" / "haproxy.cfg"


def sections() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in CONFIG.read_text().splitlines():
        if line and line[0] not in " #.":
            lines = found.setdefault(line, [])
        elif line.strip() and not line.strip().startswith("#"):
            lines.append(line.strip())
    return found


def test_the_balancer_knows_every_pod_of_the_compose_file() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    pods = {name for name in compose["services"] if name.startswith("pod-")}
    servers = [line.split() for line in sections()["backend pods"] if line.startswith("server ")]
    assert {(name, address) for _, name, address in servers} == {(pod, f"{pod}:9099") for pod in pods}
    assert compose["services"]["haproxy"]["depends_on"] == sorted(pods)


def test_its_parts_fit_each_other() -> None:
    assert sections().keys() >= {"global", "defaults", "frontend gateway", "backend pods", "resolvers containers"}
    assert "default_backend pods" in sections()["frontend gateway"]
    assert "option httpchk GET /readyz" in sections()["backend pods"]


def test_no_query_goes_into_its_log() -> None:
    """A query may hold a credential."""
    (log_format,) = (line for line in sections()["defaults"] if line.startswith("log-format"))
    assert not re.search(r"%HU|%HQ|%r\b|%\{\+Q\}r|%HPO\?", log_format)
    assert "option httplog" not in sections()["defaults"]


@pytest.mark.skipif(
    not shutil.which("haproxy"), reason="HAProxy is not installed: its own check of the file is not run"
)
@pytest.mark.parametrize("tls", [False, True])
def test_haproxy_takes_it(tmp_path: Path, *, tls: bool) -> None:
    environment = {"TLS_PEM": str(make_certificate(tmp_path).both)} if tls else {}
    ran = subprocess.run(
        ["haproxy", "-c", "-f", CONFIG],
        env={"PATH": "/usr/sbin:/usr/bin", **environment},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert set(re.findall(r"\[WARNING\].*", ran.stderr)) <= set(re.findall(r".*could not resolve.*", ran.stderr))
