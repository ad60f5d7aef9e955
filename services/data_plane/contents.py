"""What a catalogue holds: bodies as they came, and objects as they were read from them."""

import asyncio
import gc
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice

from shared.catalogue import KINDS, NO_DIGEST, Change, digest_change, digest_objects
from shared.contract import Contract

log = logging.getLogger(__name__)

AT_ONCE = 200
"""So many objects are looked at before connections get a turn."""

MOST_CHARACTERS = 4 << 20
"""Of one object: more than the control plane takes, however it is written."""

Bodies = Mapping[str, Mapping[str, str]]
"""Kind to id to JSON."""


@dataclass(slots=True)
class Contents:
    """Objects by kind and id. A bad one is refused alone: what was held under its id stays.

    One of a kind that only a newer control plane knows is kept for the digest, and unread.
    """

    bodies: dict[str, dict[str, str]] = field(default_factory=dict)
    objects: dict[str, dict[str, Contract]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    refused: dict[tuple[str, str], str] = field(default_factory=dict)

    def copy_bodies(self) -> Bodies:
        return {kind: dict(bodies) for kind, bodies in self.bodies.items()}

    def change(self, digest: str, change: Change) -> str:
        """Apply a change, and return the digest after it."""
        old = self.bodies.get(change.kind, {}).get(change.id)
        if change.body is None:
            self.bodies.get(change.kind, {}).pop(change.id, None)
            self.objects.get(change.kind, {}).pop(change.id, None)
            self.refused.pop((change.kind, change.id), None)
        else:
            self.take(change.kind, change.id, change.body)
        return digest_change(digest, change.kind, change.id, old, change.body)

    def take(self, kind: str, id_: str, body: str) -> None:
        """Hold an object, and read it."""
        self.bodies.setdefault(kind, {})[id_] = body
        if kind not in KINDS:
            return
        try:
            self.objects[kind][id_] = _read(kind, body)
            self.refused.pop((kind, id_), None)
        except ValueError as error:  # a ValidationError among them
            self.refused[kind, id_] = str(error)
            log.warning("refused %s %s: %s", kind, id_, error)
        except Exception as error:
            # A fault of ours: it would end every pod, and again whenever one starts.
            self.refused[kind, id_] = f"{type(error).__name__} while it was read"
            log.exception("refused %s %s", kind, id_)

    def keep(self, kind: str, id_: str, before: "Contents") -> bool:
        """Hold what was held under an id before, and tell whether there was anything."""
        found = before.objects.get(kind, {}).get(id_)
        if found is not None:
            self.objects[kind][id_] = found
        return found is not None


def _read(kind: str, body: str) -> Contract:
    """Raise `ValueError` for what is no object of this kind."""
    if len(body) > MOST_CHARACTERS:
        raise ValueError(f"it has more than {MOST_CHARACTERS} characters")
    return KINDS[kind].model_validate_json(body)


@contextmanager
def no_collections() -> Iterator[None]:
    """Have the garbage collector not look at all there is again and again while much is made, of which nothing goes."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def read_contents(bodies: Bodies, before: Contents) -> Contents:
    """Read all objects anew, but for those that are the same as before."""
    contents = Contents({kind: {} for kind in bodies})
    for batch in _batches(bodies):
        for kind, id_, body in batch:
            kept = contents.keep(kind, id_, before)
            if kept and body == before.bodies[kind].get(id_) and (kind, id_) not in before.refused:
                contents.bodies[kind][id_] = body
            else:
                contents.take(kind, id_, body)
        await asyncio.sleep(0)
    return contents


async def digest_bodies(bodies: Bodies) -> str:
    """Return the digest of all objects."""
    digest = NO_DIGEST
    for batch in _batches(bodies):
        digest = digest_objects(batch, digest)
        await asyncio.sleep(0)
    return digest


def _batches(bodies: Bodies) -> Iterator[list[tuple[str, str, str]]]:
    objects = ((kind, id_, body) for kind, found in bodies.items() for id_, body in found.items())
    while batch := list(islice(objects, AT_ONCE)):
        yield batch
