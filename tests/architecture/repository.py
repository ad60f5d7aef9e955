"""The files of this repository, as git knows them."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@cache
def tracked(*patterns: str) -> tuple[Path, ...]:
    """Return the tracked files, as paths from the root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *patterns], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return tuple(Path(name) for name in listed.stdout.split("\0") if name and (ROOT / name).exists())


def read(path: Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8")
