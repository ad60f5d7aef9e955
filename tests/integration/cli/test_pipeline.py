"""Manifests from a folder to a control plane that runs, and back."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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

EXAMPLES: dict[str, Any] = {
    "asyncapi": "3.0.0",
    "info": {"title": "Chat", "version": "1.0.0", "description": "Costs ${nothing}", "x-like-a-number": ["1e3", "0o7"]},
    "channels": {
        "room": {
            "address": "/room",
            "messages": {"said": {"payload": {"type": "string"}, "examples": [{"payload": "hello"}]}},
        }
    },
    "operations": {
        "hear": {"action": "send", "channel": {"$ref": "#/channels/room"}},
        "say": {"action": "receive", "channel": {"$ref": "#/channels/room"}},
    },
}
CHAT: dict[str, Any] = {
    "name": "Chat",
    "context": "/chat",
    "version": "1.0",
    "state": "prototyped",
    "policies": ["Gold"],
    "endpoints": {"production": {"mock": True}},
    "asyncapi": "./chat.asyncapi.yaml",
    "validation": {"publish": "close"},
    "max_message_bytes": {"publish": 65_536},
    "thumbnail": "files/picture.png",
    "documents": [
        {"name": "Begin!", "type": "HOWTO", "file": "files/begin.md"},
        {"name": "Forum", "source": "url", "url": "https://forum.example.com"},
        {"name": "Pages", "source": "file", "file": "files/guide.pdf"},
        {"name": "Same", "source": "file", "file": "files/guide.pdf"},
    ],
}
PNG = b"\x89PNG\r\n\x1a\n and the rest"


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


@pytest.fixture
def chat(tmp_path: Path, shell: Shell) -> Iterator[Path]:
    """Yield a folder with an API and its files, and leave nothing of it applied."""
    folder = tmp_path / "chat"
    (folder / "files").mkdir(parents=True)
    (folder / "framegate.yaml").write_text(json.dumps({"apis": [CHAT]}))
    (folder / "chat.asyncapi.yaml").write_text(yaml.safe_dump(EXAMPLES))
    (folder / "files/begin.md").write_text("# Costs ${nothing}\r\n")
    (folder / "files/guide.pdf").write_bytes(b"%PDF \xff")
    (folder / "files/picture.png").write_bytes(PNG)
    yield folder
    prune(shell, tmp_path)


def prune(shell: Shell, folder: Path) -> None:
    (folder / "none.yaml").write_text("apis: []")
    shell.run("apply", "-f", str(folder / "none.yaml"), "--prune")


def test_files_are_applied_with_what_names_them(shell: Shell, chat: Path) -> None:
    of = ("-f", str(chat))
    assert shell.run("diff", *of, code=2) == "create api          Chat 1.0\n"
    assert shell.run("apply", *of) == "create api          Chat 1.0\n"
    assert shell.run("apply", *of, "--dry-run") == "nothing to do\n"
    (chat / "chat.asyncapi.yaml").write_text("asyncapi: 9")
    said = shell.fail("apply", *of)
    assert "\n  framegate.yaml: apis.0.asyncapi/asyncapi: must be one of 2.0.0" in said
    (chat / "chat.asyncapi.yaml").write_text(yaml.safe_dump({**EXAMPLES, "x-more": 1}))
    (chat / "files/picture.png").write_bytes(PNG + b"!")
    said = shell.run("diff", *of, code=2)
    assert said.startswith('update api          Chat 1.0: asyncapi, thumbnail\n  - asyncapi: "sha256:')
    assert framegate("validate", *of).out == "valid: apis 1\n"


def test_what_is_exported_with_files_makes_the_same_again(shell: Shell, chat: Path, tmp_path: Path) -> None:
    shell.run("apply", "-f", str(chat))
    exported = shell.read("export")
    folder, whole = tmp_path / "exported", tmp_path / "whole.yaml"
    assert shell.run("export", "--to", str(folder)) == f"{folder}/framegate.yaml\n"
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()) == [
        "chat-1.0/2-guide.pdf",
        "chat-1.0/Begin.md",
        "chat-1.0/asyncapi.yaml",
        "chat-1.0/guide.pdf",
        "chat-1.0/thumbnail.png",
        "framegate.yaml",
    ]
    assert "must be empty" in shell.fail("export", "--to", str(folder))
    whole.write_text(shell.run("export"))
    for file in (folder, whole):
        assert shell.run("diff", "-f", str(file), "--prune") == "nothing to do\n"
        prune(shell, tmp_path)
        assert shell.run("apply", "-f", str(file)) == "create api          Chat 1.0\n"
        assert shell.read("export") == exported
    assert "data:image/png" in json.dumps(exported)
    assert "thumbnail" not in shell.run("export", "--no-files")


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
