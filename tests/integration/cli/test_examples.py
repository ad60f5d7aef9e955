"""The pipelines to copy: their commands are there, and their manifest is good."""

import re

import pytest
import yaml

from cli import manifest
from tests.architecture.repository import ROOT
from tests.support.command import Shell, framegate

FOLDER = ROOT / "deploy/examples/pipeline"
SECRETS = {"BACKEND_KEY": "a key of the backend"}


@pytest.mark.parametrize("name", ["github-actions.yaml", "gitlab-ci.yaml"])
def test_its_commands_are_there(name: str) -> None:
    text = (FOLDER / name).read_text()
    assert yaml.safe_load(text)
    lines = re.findall(r"python -m cli\.main (.+)$", text, re.MULTILINE)
    assert {line.split()[0] for line in lines} >= {"validate", "apply", "api"}
    for line in lines:
        arguments = line.replace("${{ matrix.environment }}", "staging").replace("-f apis", f"-f {FOLDER}/apis").split()
        assert framegate(*arguments, "--help").exit_code == 0, line  # 2 for an option that isn't there


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_its_manifest_is_good(shell: Shell, environment: str) -> None:
    found = manifest.load(FOLDER / "apis", environment, SECRETS)
    found.check()
    of = ("-f", str(FOLDER / "apis"), "--env", environment)
    assert "create api          EchoWebSocket 1.0" in shell.run("diff", *of, code=2, **SECRETS)
