from pathlib import Path

_LINES, _CHARACTERS = 3, 400


def tail(log: Path) -> str:
    """Return the end of a log, in one line."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return " | ".join(lines[-_LINES:])[-_CHARACTERS:]
