"""The last good catalogue on disk: a pod that starts without Redis serves it.

The first line has a checksum of its own, and the digest that the control plane gave covers the others. A second file
says until when what is in the first was known to be current: it changes often, and the first only with the catalogue.
"""

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from shared.catalogue import KINDS, Mark, digest_objects

log = logging.getLogger(__name__)

FORMAT: Final = 2

Bodies = Mapping[str, Mapping[str, str]]
"""Kind to id to JSON."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A catalogue that was current at `confirmed_at`, on the wall clock. The key opens what is sealed in it."""

    mark: Mark
    bodies: Bodies
    unsealing_key: str | None
    confirmed_at: float


class SnapshotFile:
    """A file of one line an object, and beside it the one that it replaced. Several workers may share it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._previous = path.with_name(f"{path.name}.previous")
        self._confirmed = path.with_name(f"{path.name}.confirmed")

    def save(self, snapshot: Snapshot) -> None:
        """Replace the file as a whole, readable for its owner alone. Raises `OSError`."""
        _replace(self._path, _write(snapshot), self._previous)

    def confirm(self, mark: Mark, confirmed_at: float) -> None:
        """Note that what was saved was current at a later time, too. Raises `OSError`."""
        note = {"confirmed_at": confirmed_at, **mark.fields()}
        _replace(self._confirmed, [_seal(note)])

    def load(self) -> Snapshot | None:
        """Return what was saved last and is whole, or None."""
        for path in (self._path, self._previous):
            try:
                with path.open(encoding="utf-8") as file:
                    found = _read(file)
                return replace(found, confirmed_at=max(found.confirmed_at, self._read_confirmed(found.mark)))
            except FileNotFoundError:
                continue
            except (OSError, ValueError, KeyError, TypeError) as error:
                log.warning("the snapshot %s can't be used: %s", path, error)
        return None

    def _read_confirmed(self, mark: Mark) -> float:
        """Return until when a mark was known to be current, or 0 where no whole note says so."""
        try:
            note = _unseal(self._confirmed.read_text(encoding="utf-8"))
            return float(note["confirmed_at"]) if Mark.read(note) == mark else 0.0
        except FileNotFoundError:
            return 0.0
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("%s can't be used: %s", self._confirmed, error)
            return 0.0


def _replace(path: Path, lines: Iterable[str], previous: Path | None = None) -> None:
    """Put a file of these lines in the place of another, as a whole. Raises `OSError`."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            for line in lines:
                file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
        if previous is not None:
            with suppress(FileNotFoundError):  # the first one, or another worker was faster
                path.replace(previous)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _write(snapshot: Snapshot) -> Iterator[str]:
    confirmed_at, key = snapshot.confirmed_at, snapshot.unsealing_key
    yield _seal({"format": FORMAT, "saved_at": confirmed_at, "key": key, **snapshot.mark.fields()})
    for kind, objects in snapshot.bodies.items():
        for id_, body in objects.items():
            yield json.dumps([kind, id_, body])


def _read(lines: Iterator[str]) -> Snapshot:
    """Raise `ValueError`, `KeyError` or `TypeError` where the lines are not a whole snapshot."""
    head = _unseal(next(lines, ""))
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


def _seal(fields: Mapping[str, Any]) -> str:
    """Return a line with a checksum of its own."""
    return json.dumps({**fields, "checksum": _sum(fields)})


def _unseal(line: str) -> dict[str, Any]:
    fields = dict(json.loads(line))
    if fields.pop("checksum") != _sum(fields):
        raise ValueError("its checksum is another")
    return fields


def _sum(fields: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
