"""What figures mean nothing without: the machine, the versions, the date."""

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_LIBRARIES = ("aiohttp", "uvloop", "redis", "hiredis", "joserfc", "cryptography", "pydantic")


def now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - results carry the real date, and tokens the real time


def describe_machine() -> dict[str, object]:
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in _LIBRARIES},
    }


def describe_framegate() -> str:
    """Return the version, and the commit where there is a repository."""
    try:
        commit = first_line("git", "-C", str(_ROOT), "describe", "--always", "--dirty")
    except FileNotFoundError:
        commit = "without git"
    return f"Framegate {version('framegate')} ({commit})"


def printed(*command: str) -> str:
    """Return what a command prints, on either stream."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30, check=False)
    return done.stdout


def first_line(*command: str) -> str:
    return printed(*command).partition("\n")[0].strip()


def _cpu_model() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()
