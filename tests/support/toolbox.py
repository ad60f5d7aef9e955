"""Helm, and the schemas of Kubernetes: tools that are too large for every .venv, in one that is made when a test asks."""

import fcntl
import hashlib
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
LOCK: Final = ROOT / "tests" / "toolbox.lock"
SCRIPT: Final = Path(__file__).with_name("toolbox_script.py")

_FOLDER: Final = ROOT / ".toolbox"
_INSTALL_SECONDS: Final = 300
_RUN_SECONDS: Final = 50


def ask(question: str, **given: Any) -> Any:
    """Have `toolbox_script.py` answer a question."""
    said = json.dumps(given)
    ran = run("python", SCRIPT, question, given=said)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def run(name: str, *arguments: str | Path, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program of the toolbox."""
    return subprocess.run(
        [_install() / "bin" / name, *arguments],
        input=given,
        capture_output=True,
        text=True,
        timeout=_RUN_SECONDS,
        check=False,
    )


@cache
def _install() -> Path:
    """Make the environment unless it is there and current. One process at a time does it."""
    wanted = hashlib.sha256(sys.version.encode() + LOCK.read_bytes()).hexdigest()
    stamp = _FOLDER / "installed"
    _FOLDER.mkdir(exist_ok=True)
    with (_FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            _call(sys.executable, "-m", "venv", "--clear", _FOLDER / "venv")
            pip = (_FOLDER / "venv" / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
            # Nothing is compiled, neither from sources nor to bytecode: half of the time goes into 10,000 schemas as it is.
            _call(*pip, "--no-compile", "--only-binary", ":all:", "--no-deps", "--require-hashes", "-r", LOCK)
            stamp.write_text(wanted)
    return _FOLDER / "venv"


def _call(*command: str | Path) -> None:
    ran = subprocess.run(
        [*map(str, command)], capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False
    )
    if ran.returncode:
        pytest.fail(f"The tools that look at deploy/ can't be installed: {ran.stderr}")
