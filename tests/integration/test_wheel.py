"""Whoever builds the same sources gets the same wheel, byte for byte, the compiled core included."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from hatch_build import has_compiler
from tests.architecture.repository import ROOT, tracked

SOURCES = ("cli", "migrations", "services", "shared", "pyproject.toml", "hatch_build.py", "README.md", "LICENSE")

_BUILD_SECONDS = 280


def start_build(folder: Path) -> "subprocess.Popen[bytes]":
    """Build a wheel from a copy of the sources, for what is compiled is put beside them."""
    sources = folder / "sources"
    for path in tracked(*SOURCES):
        (sources / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, sources / path)
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    return subprocess.Popen(command, cwd=sources, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def digests(wheel: Path) -> dict[str, str]:
    with ZipFile(wheel) as archive:
        return {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}


@pytest.mark.timeout(300)  # a compiler's work, twice
def test_the_same_sources_make_the_same_wheel(tmp_path: Path) -> None:
    folders = [tmp_path / "here", tmp_path / "somewhere" / "else"]
    builds = [start_build(folder) for folder in folders]
    try:
        assert [build.wait(_BUILD_SECONDS) for build in builds] == [0, 0]
    finally:
        for build in builds:
            build.kill()
            build.wait()
    one, other = (next(folder.glob("*.whl")) for folder in folders)
    assert one.name == other.name
    assert digests(one) == digests(other)
    assert one.read_bytes() == other.read_bytes()
    assert any(name.endswith(".so") for name in digests(one)) == has_compiler()
