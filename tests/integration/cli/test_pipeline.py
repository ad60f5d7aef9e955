"""Manifests from a folder to a control plane that runs, and back."""

import json
from pathlib import Path

import pytest
import yaml

from tests.support.command import Shell, framegate

ECHO = """
variables: {BACKEND: "ws://127.0.0.1:9"}
secrets: [BACKEND_KEY]
apis:
  - name: Echo
    context: /echo
    version: "1.0"
    endpoints: {production: {urls: ["${BACKEND}"]}}
    backend_credentials: {header: X-Key, value: "${BACKEND_KEY}"}
    policies: [Gold]
    state: published
"""
ROBOT = """
applications: [{name: Robot}]
subscriptions: [{application: Robot, api: Echo, policy: Gold}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "environments").mkdir()
    (tmp_path / "echo.yaml").write_text(ECHO)
    (tmp_path / "robot.yaml").write_text(ROBOT)
    overlay = 'apis: [{context: /echo, version: "1.0", description: of the staging}]'
    (tmp_path / "environments/staging.yaml").write_text(overlay)
    return tmp_path


@pytest.fixture
def pipeline(shell: Shell) -> Shell:
    return Shell({**shell.env, "BACKEND_KEY": "a key of the backend"})


def test_a_folder_is_applied_once_compared_and_exported(pipeline: Shell, folder: Path) -> None:
    of = ("-f", str(folder))
    made = [
        "create api          Echo 1.0",
        "create application  Robot",
        "create subscription Robot to Echo 1.0",
    ]
    assert pipeline.run("diff", *of, code=2).splitlines() == made
    assert pipeline.run("apply", *of, "--dry-run", code=2).splitlines() == made
    assert pipeline.run("apply", *of).splitlines() == made
    assert pipeline.run("apply", *of) == "nothing to do\n"
    assert pipeline.run("diff", *of) == "nothing to do\n"
    changes = json.loads(pipeline.run("diff", *of, "--env", "staging", "-o", "json", code=2))["changes"]
    assert [change["fields"] for change in changes if change["action"] == "update"] == [["description"]]
    assert pipeline.run("diff", *of, "--env", "staging", code=2).splitlines() == [
        "update api          Echo 1.0: description",
        '  - description: ""',
        '  + description: "of the staging"',
    ]
    assert pipeline.run("apply", *of, "--env", "staging") == "update api          Echo 1.0: description\n"

    exported = folder / "exported.yaml"
    exported.write_text(pipeline.run("export"))
    assert yaml.safe_load(exported.read_text())["apis"][0]["backend_credentials"] is True
    assert "a key of the backend" not in exported.read_text()
    assert pipeline.run("diff", "-f", str(exported), "--prune") == "nothing to do\n"
    assert pipeline.read("export")["apis"][0]["name"] == "Echo"
    exported.write_text("apis: []")
    gone = ["delete subscription Robot to Echo 1.0", "delete application  Robot", "delete api          Echo 1.0"]
    assert pipeline.run("apply", "-f", str(exported), "--prune").splitlines() == gone


def test_an_error_names_the_file(pipeline: Shell, folder: Path) -> None:
    (folder / "more.yaml").write_text('apis: [{name: More, context: /more, version: "1.0", policies: [Platinum]}]')
    said = pipeline.fail("apply", "-f", str(folder))
    assert said.startswith("POST /publisher/v1/apply: HTTP 422 Some fields are not valid\n")
    assert "\n  more.yaml: apis.0.policies.0: there is no policy 'Platinum' of level subscription" in said
    assert pipeline.read("api", "list") == []


def test_a_secret_that_is_not_set_is_named(shell: Shell, folder: Path) -> None:
    said = shell.fail("apply", "-f", str(folder))
    assert said == "echo.yaml: apis.0.backend_credentials.value: BACKEND_KEY is not set in the environment"


def test_who_calls_must_be_known(shell: Shell, folder: Path, tmp_path: Path) -> None:
    assert "HTTP 401 invalid_client" in shell.fail("export", FRAMEGATE_CLIENT_SECRET="wrong")
    said = shell.fail("export", FRAMEGATE_CLIENT_ID=None, HOME=str(tmp_path))
    assert said == "nobody is signed in: framegate login"
    assert "can't fetch a token from http://127.0.0.1:1/" in shell.fail("export", FRAMEGATE_URL="http://127.0.0.1:1")


def test_a_manifest_is_checked_without_a_control_plane(folder: Path) -> None:
    assert framegate("validate", "-f", str(folder)).out == "valid: apis 1, applications 1, subscriptions 1\n"
    printed = json.loads(framegate("validate", "-f", str(folder), "-o", "json").out)
    assert printed == {"valid": True, "policies": 0, "apis": 1, "applications": 1, "subscriptions": 1}
    schema = json.loads(framegate("validate", "--schema").out)
    assert "apis" in schema["properties"]
    assert framegate("validate").exit_code == 1
    (folder / "echo.yaml").write_text("apis: [{}]")
    assert "echo.yaml: apis.0.context: Field required" in str(framegate("validate", "-f", str(folder)).error)
