"""Packages of npm that tests run: in a folder that is made when a test asks."""

import fcntl
import hashlib
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

import pytest

_ROOT: Final = Path(__file__).resolve().parents[2]
_LISTS: Final = _ROOT / "tests" / "toolbox_npm"
_FOLDER: Final = _ROOT / ".toolbox" / "npm"
_SECONDS: Final = 120


@cache
def install_npm_packages() -> Path:
    """Return the folder `node_modules`, made unless it is there and current. One process at a time makes it."""
    wanted = hashlib.sha256((_LISTS / "package-lock.json").read_bytes()).hexdigest()
    stamp = _FOLDER / "installed"
    _FOLDER.mkdir(parents=True, exist_ok=True)
    with (_FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            _install()
            stamp.write_text(wanted)
    return _FOLDER / "node_modules"


def _install() -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.fail("npm is needed: apt install npm")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(_LISTS / name, _FOLDER)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(_FOLDER)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    if ran.returncode:
        pytest.fail(f"The packages of npm can't be installed: {ran.stderr}")
