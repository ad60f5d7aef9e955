"""Whoever builds the same sources gets the same wheel, byte for byte, the compiled core included."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

from tests.architecture.repository import ROOT, tracked

_BUILD_SECONDS = 50


def build(folder: Path) -> Path:
    """Build a wheel from a copy of the sources: a build puts what it compiles beside them."""
    sources = folder / "sources"
    for path in tracked("cli", "migrations", "services", "shared", "pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        (sources / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, sources / path)
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder]
    environment = {"PATH": os.environ["PATH"], "SOURCE_DATE_EPOCH": "1700000000"}
    subprocess.run(command, cwd=sources, env=environment, capture_output=True, timeout=_BUILD_SECONDS, check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def test_the_same_sources_make_the_same_wheel(tmp_path: Path) -> None:
    first, second = build(tmp_path / "here"), build(tmp_path / "somewhere" / "else")
    assert first.name == second.name
    with ZipFile(first) as one, ZipFile(second) as other:
        sums = [{name: hashlib.sha256(wheel.read(name)).hexdigest() for name in wheel.namelist()} for wheel in (one, other)]
    assert sums[0] == sums[1]
    assert first.read_bytes() == second.read_bytes()
