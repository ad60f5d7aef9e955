"""The last good catalogue on disk: a pod that starts without Redis serves it.

The first line has a checksum of its own, and the digest that the control plane gave covers the others.
"""

import hashlib
import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from shared.catalogue import KINDS, Mark, digest_objects

log = logging.getLogger(__name__)

FORMAT: Final = 2

Bodies = Mapping[str, Mapping[str, str]]
"""Kind to id to JSON."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A catalogue as it was at `saved_at`, on the wall clock. The key opens what is sealed in it."""

    mark: Mark
    bodies: Bodies
    unsealing_key: str | None
    saved_at: float


class SnapshotFile:
    """A file of one line an object, and beside it the one that it replaced. Several workers may share it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._previous = path.with_name(f"{path.name}.previous")

    def save(self, snapshot: Snapshot) -> None:
        """Replace the file as a whole, readable for its owner alone. Raises `OSError`."""
        fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        try:
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                for line in _write(snapshot):
                    file.write(line + "\n")
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileNotFoundError):  # the first one, or another worker was faster
                self._path.replace(self._previous)
            fresh.replace(self._path)
        finally:
            fresh.unlink(missing_ok=True)

    def load(self) -> Snapshot | None:
        """Return what was saved last and is whole, or None."""
        for path in (self._path, self._previous):
            try:
                with path.open(encoding="utf-8") as file:
                    return _read(file)
            except FileNotFoundError:
                continue
            except (OSError, ValueError, KeyError, TypeError) as error:
                log.warning("the snapshot %s can't be used: %s", path, error)
        return None


def _write(snapshot: Snapshot) -> Iterator[str]:
    head = {"format": FORMAT, "saved_at": snapshot.saved_at, "key": snapshot.unsealing_key, **snapshot.mark.fields()}
    yield json.dumps({**head, "checksum": _sum(head)})
    for kind, objects in snapshot.bodies.items():
        for id_, body in objects.items():
            yield json.dumps([kind, id_, body])


def _read(lines: Iterator[str]) -> Snapshot:
    """Raise `ValueError`, `KeyError` or `TypeError` where the lines are not a whole snapshot."""
    head = dict(json.loads(next(lines, "")))
    if head.pop("checksum") != _sum(head):
        raise ValueError("its first line is damaged")
    mark = Mark.read(head)
    if head["format"] != FORMAT or mark is None:
        raise ValueError("it is of another format")
    bodies: dict[str, dict[str, str]] = {kind: {} for kind in KINDS}
    for line in lines:
        kind, id_, body = json.loads(line)
        bodies.setdefault(kind, {})[id_] = body
    if digest_objects((kind, id_, body) for kind, held in bodies.items() for id_, body in held.items()) != mark.digest:
        raise ValueError("it is not whole")
    return Snapshot(mark, bodies, head["key"], float(head["saved_at"]))


def _sum(head: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(head, sort_keys=True).encode()).hexdigest()
