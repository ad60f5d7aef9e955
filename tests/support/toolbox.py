"""Helm, a maker of clients and so on: too large for every .venv, in one that is made when a test asks."""

import atexit
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
    """Have `toolbox_script.py` answer a question. It is started once: Helm takes longer to load than to render."""
    process = _start()
    assert process.stdin
    assert process.stdout
    process.stdin.write(json.dumps([question, given]) + "\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def python() -> Path:
    """Return the Python of the toolbox."""
    return _install() / "bin" / "python"


@cache
def _start() -> subprocess.Popen[str]:
    process = subprocess.Popen([python(), SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(process.kill)
    return process


def run(name: str, *arguments: str | Path, seconds: float = _RUN_SECONDS) -> subprocess.CompletedProcess[str]:
    """Run a program of the toolbox."""
    command = [_install() / "bin" / name, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)


@cache
def _install() -> Path:
    """Make the environment unless it is there and current. One process at a time does it."""
    wanted = hashlib.sha256(sys.version.encode() + LOCK.read_bytes()).hexdigest()
    stamp = _FOLDER / "installed"
    _FOLDER.mkdir(exist_ok=True)
    with (_FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            _call(sys.executable, "-m", "venv", "--clear", "--without-pip", _FOLDER / "venv")
            # Compiled to bytecode it would be twice as slow to install, for programs that run once.
            options = "--quiet --no-compile --only-binary :all: --no-deps --require-hashes --requirement"
            pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", _FOLDER / "venv")
            _call(*pip, "install", *options.split(), LOCK)
            stamp.write_text(wanted)
    return _FOLDER / "venv"


def _call(*command: str | Path) -> None:
    ran = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False)
    if ran.returncode:
        pytest.fail(f"The tools that look at deploy/ can't be installed: {ran.stderr}")
