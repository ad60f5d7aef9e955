from pathlib import Path
from typing import Any

import pytest

from cli import manifest
from cli.errors import CommandError

ECHO = """
variables:
  BACKEND: wss://echo.example/ws
  BUILD:
secrets: [KEY]
apis:
  - name: Echo
    context: /echo
    version: "1.0"
    description: built by ${BUILD}, costs $${nothing}
    endpoints: {production: {urls: ["${BACKEND}"]}}
    backend_credentials: {header: X-Key, value: "${KEY}"}
    policies: [Gold]
"""
STAGING = """
variables: {BACKEND: wss://staging.example/ws}
apis:
  - {context: /echo, version: "1.0", policies: [Bronze], description: null}
"""
VALUES = {"BUILD": "ci", "KEY": "a key", "BACKEND": "wss://not-from-here.example"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "environments").mkdir()
    (tmp_path / "echo.yaml").write_text(ECHO)
    (tmp_path / "robots.json").write_text('{"applications": [{"name": "Robot"}]}')
    (tmp_path / "notes.txt").write_text("not a manifest: {")
    (tmp_path / "environments/staging.yaml").write_text(STAGING)
    return tmp_path


def refused(place: Path, environment: str | None = None, **values: str) -> str:
    with pytest.raises(CommandError) as caught:
        manifest.load(place, environment, {**VALUES, **values}).check()
    return str(caught.value)


def test_the_files_of_a_folder_are_one_manifest(folder: Path) -> None:
    found = manifest.load(folder, None, VALUES)
    found.check()
    (api,) = found.sections["apis"]
    assert api["endpoints"] == {"production": {"urls": ["wss://echo.example/ws"]}}  # the files go over the environment
    assert api["description"] == "built by ci, costs ${nothing}"
    assert api["backend_credentials"]["value"] == "a key"
    assert found.sections["applications"] == [{"name": "Robot"}]


def test_one_file_is_a_manifest_too(folder: Path) -> None:
    found = manifest.load(folder / "robots.json", None, {})
    assert found.sections == {"policies": [], "apis": [], "applications": [{"name": "Robot"}], "subscriptions": []}


def test_an_environment_changes_values_and_patches_entries(folder: Path) -> None:
    (api,) = manifest.load(folder, "staging", VALUES).sections["apis"]
    assert api["endpoints"] == {"production": {"urls": ["wss://staging.example/ws"]}}
    assert api["policies"] == ["Bronze"]
    assert "description" not in api
    assert api["name"] == "Echo"


def test_an_environment_makes_no_entries(folder: Path) -> None:
    (folder / "environments/staging.yaml").write_text('apis: [{context: /ecko, version: "1.0"}]')
    said = refused(folder, "staging")
    assert said == "staging.yaml: apis.0: the manifest has none with context '/ecko', version '1.0'"


@pytest.mark.parametrize(("name", "said"), [("production", "there is no "), ("../echo", "must be the name of a file")])
def test_an_environment_is_a_file(folder: Path, name: str, said: str) -> None:
    assert said in refused(folder, name)


def test_a_variable_may_be_a_number_and_a_text_in_a_text(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("variables: {N: 5}\napplications: [{name: 'n${N}', description: '${N}'}]")
    assert manifest.load(file, None, {}).sections["applications"] == [{"name": "n5", "description": 5}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("applications: [{name: '${HOME}'}]", "HOME is neither under variables nor under secrets"),
        ("variables: {A: null}\napplications: [{name: '${A}'}]", "A is not set in the environment"),
        ("secrets: [A]\napis: [{client_certificate: '${A}'}]", "A is not set in the environment"),
        ("secrets: [KEY]\napplications: [{description: 'x ${KEY}'}]", "KEY is a secret: it may stand in "),
    ],
)
def test_only_what_is_named_comes_from_the_environment(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    message = refused(tmp_path, HOME="/home/me")
    assert message.startswith("a.yaml: ap")
    assert said in message


def test_a_secret_is_not_needed_to_check_a_manifest(folder: Path) -> None:
    found = manifest.load(folder, None, {"BUILD": "ci"}, offline=True)
    found.check()
    assert found.sections["apis"][0]["backend_credentials"] is True


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("things: []", "things: must be one of variables, policies, apis,"),
        ("apis: {}", "apis: must be a list"),
        ("variables: []", "variables: must be an object"),
        ("secrets: [{}]", "secrets: must be a list of names"),
        ("- a", "must hold policies, apis,"),
        ("a: b: c", "not YAML"),
        ("apis: &a []", "apis: anchors and aliases are not taken"),
    ],
)
def test_a_file_that_is_no_manifest_is_named(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(text)
    assert refused(file).startswith(f"{file}: {said}")


def test_a_folder_without_files_is_no_manifest(tmp_path: Path) -> None:
    assert "there is no manifest" in refused(tmp_path)


def test_what_is_wrong_is_named_by_its_file(folder: Path) -> None:
    (folder / "more.yaml").write_text("apis: [{name: More, context: /more, version: 1.0}]")
    assert refused(folder) == (
        "the manifest is not valid\n"
        "  more.yaml: apis.0.version: must be a text: put it in quotes, for YAML takes it for a number"
    )


def test_a_place_outside_the_files_stays_as_it_is(folder: Path) -> None:
    found = manifest.load(folder, None, VALUES)
    assert found.locate("apis.0.state.endpoints") == "echo.yaml: apis.0.state.endpoints"
    assert [found.locate(place) for place in ("apis", "apis.9.name", "prune Echo 1.0")] == [
        "apis",
        "apis.9.name",
        "prune Echo 1.0",
    ]


def test_the_schema_knows_what_a_file_may_hold() -> None:
    schema: dict[str, Any] = manifest.make_schema()
    assert schema["properties"].keys() == {"policies", "apis", "applications", "subscriptions", "variables", "secrets"}
    assert schema["additionalProperties"] is False
    assert schema["$defs"]["ApiEntry"]["required"] == ["name", "context", "version"]
