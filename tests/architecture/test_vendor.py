"""What others wrote, for tests to run or for us to ship, is what its authors published, with its licence beside it."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.repository import ROOT, read, tracked

OURS = {
    Path("tests/vendor"): {"vendor.json", "package.json"},
    Path("services/control_plane/asyncapi/specification"): {"vendor.json"},
}
PACKAGES = [(folder, package) for folder in OURS for package in json.loads(read(folder / "vendor.json"))]


@pytest.mark.parametrize(
    ("folder", "package"), PACKAGES, ids=[f"{package['name']} {package['version']}" for _, package in PACKAGES]
)
def test_a_package_is_as_it_was_published(folder: Path, package: dict[str, Any]) -> None:
    assert any("LICENSE" in name for name in package["files"])
    for name, expected in package["files"].items():
        assert hashlib.sha256((ROOT / folder / name).read_bytes()).hexdigest() == expected, name


@pytest.mark.parametrize("folder", OURS, ids=str)
def test_no_file_is_there_that_is_not_listed(folder: Path) -> None:
    listed = {folder / name for of, package in PACKAGES if of == folder for name in package["files"]}
    assert set(tracked(f"{folder}/*")) == listed | {folder / name for name in OURS[folder]}
