"""A disk gives back something else than was written: a pod starts without Redis all the same, and says what it did."""

import hashlib
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from services.data_plane.snapshot import FORMAT, SnapshotFile
from tests.faults.installation import ECHO, Installation
from tests.support.slow import slow_link
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(180)

NOWHERE = "redis://127.0.0.1:1/0"


def truncate(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data) - 1)]  # less than the end of its last line


def flip(data: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(data)
    bit = chance.randrange(8 * len(damaged))
    damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)


def come_from_later(data: bytes, chance: random.Random) -> bytes:
    """Be as a newer version would write it: whole by its own checksum, and of a format that nobody here knows."""
    first, _, rest = data.partition(b"\n")
    head = json.loads(first) | {"format": FORMAT + 1}
    del head["checksum"]
    head["checksum"] = hashlib.sha256(json.dumps(head, sort_keys=True).encode()).hexdigest()
    return json.dumps(head).encode() + b"\n" + rest


Damage = Callable[[bytes, random.Random], bytes]
DAMAGES: dict[str, Damage] = {"truncated": truncate, "flipped": flip, "of-a-newer-version": come_from_later}


@pytest.fixture
def snapshot(installation: Installation, tmp_path: Path) -> Path:
    """Return a copy of a pod's snapshot, with the one before beside it."""
    pod = installation.pods[0]
    installation.save()
    while not _has_key(before(pod.snapshot)):  # it may be from before all was set up
        installation.publish()
        installation.save()
    copy = tmp_path / "snapshot"
    shutil.copy(pod.snapshot, copy)
    shutil.copy(before(pod.snapshot), before(copy))
    assert _revision(before(copy)) < _revision(copy)
    return copy


def before(path: Path) -> Path:
    return path.with_name(f"{path.name}.previous")


def _has_key(path: Path) -> bool:
    found = SnapshotFile(path).load()
    return found is not None and bool(found.bodies["key"])


def _revision(path: Path) -> int:
    found = SnapshotFile(path).load()
    assert found
    return found.mark.revision


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_snapshot_gives_way_to_the_one_before(
    installation: Installation, snapshot: Path, chance: random.Random, damage: Damage
) -> None:
    older = _revision(before(snapshot))
    snapshot.write_bytes(damage(snapshot.read_bytes(), chance))
    places = {"FRAMEGATE_REDIS_URL": NOWHERE, "FRAMEGATE_SNAPSHOT": str(snapshot)}
    with installation.another_pod("alone", **places) as pod:
        wait_until(pod.is_ready, within=30)
        assert pod.config()["revision"] == older
        assert pod.dial(ECHO, installation.token) == 101
        assert f"the snapshot {snapshot} can't be used: " in pod.program.said
        assert f"beginning with revision {older}, from the snapshot" in pod.program.said


def test_without_any_good_snapshot_a_pod_lives_and_waits_for_redis(
    installation: Installation, snapshot: Path, chance: random.Random
) -> None:
    for path, damage in ((snapshot, flip), (before(snapshot), come_from_later)):
        path.write_bytes(damage(path.read_bytes(), chance))
    with slow_link(target=1) as link:
        places = {"FRAMEGATE_REDIS_URL": f"redis://127.0.0.1:{link.port}/0", "FRAMEGATE_SNAPSHOT": str(snapshot)}
        with installation.another_pod("waiting", **places) as pod:
            wait_until(lambda: pod.ask("/healthz"), within=30)
            assert not pod.is_ready()
            assert pod.dial(ECHO, installation.token) == 503
            said = [f"{path} can't be used" for path in (snapshot, before(snapshot))]
            wait_until(lambda: all(words in pod.program.said for words in said))
            link.target = installation.redis.port
            wait_until(pod.is_ready, within=20)
            assert pod.dial(ECHO, installation.token) == 101
