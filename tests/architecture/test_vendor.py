"""What others wrote and tests run is what its authors published, with its licence beside it."""

import hashlib
import json
from pathlib import Path

import pytest

from tests.architecture.repository import ROOT, read, tracked

VENDOR = Path("tests/vendor")
LISTED = json.loads(read(VENDOR / "vendor.json"))
OURS = {VENDOR / "vendor.json", VENDOR / "package.json"}


@pytest.mark.parametrize("package", LISTED, ids=lambda package: package["name"])
def test_a_package_is_as_it_was_published(package: dict[str, dict[str, str]]) -> None:
    assert any("LICENSE" in name for name in package["files"])
    for name, expected in package["files"].items():
        assert hashlib.sha256((ROOT / VENDOR / name).read_bytes()).hexdigest() == expected, name


def test_no_file_is_there_that_is_not_listed() -> None:
    listed = {VENDOR / name for package in LISTED for name in package["files"]}
    assert set(tracked(f"{VENDOR}/*")) == listed | OURS
