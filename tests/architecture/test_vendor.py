"""What others wrote is what its authors published, with its licence beside it."""

import hashlib
import json
from pathlib import Path

import pytest

from tests.architecture.repository import ROOT, read, tracked

FOLDERS = (
    Path("tests/vendor"),
    Path("services/control_plane/portal/static/vendor"),
    Path("services/control_plane/asyncapi/specification"),
)
LISTED = [(folder, package) for folder in FOLDERS for package in json.loads(read(folder / "vendor.json"))]
OURS = {FOLDERS[0] / "package.json", *(folder / "vendor.json" for folder in FOLDERS)}


@pytest.mark.parametrize(
    ("folder", "package"), LISTED, ids=[f"{package['name']} {package['version']}" for _, package in LISTED]
)
def test_a_package_is_as_it_was_published(folder: Path, package: dict[str, dict[str, str]]) -> None:
    assert any("LICENSE" in name for name in package["files"])
    for name, expected in package["files"].items():
        assert hashlib.sha256((ROOT / folder / name).read_bytes()).hexdigest() == expected, name


def test_no_file_is_there_that_is_not_listed() -> None:
    listed = {folder / name for folder, package in LISTED for name in package["files"]}
    assert {path for folder in FOLDERS for path in tracked(f"{folder}/*")} == listed | OURS
