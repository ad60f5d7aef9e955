"""Processes and what they started, by /proc."""

from pathlib import Path


def descendants(pid: int) -> list[int]:
    """Return all that a process started, and they in turn; the nearest first."""
    children: list[int] = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children += [int(child) for child in thread.read_text().split()]
        except OSError:
            continue  # it has ended
    return children + [found for child in children for found in descendants(child)]


def lives(pid: int) -> bool:
    """Tell whether a process is there, and has not ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
