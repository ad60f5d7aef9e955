import os
from dataclasses import replace
from pathlib import Path

import pytest

from services.data_plane.snapshot import Snapshot, SnapshotFile
from shared.catalogue import KINDS, Mark, digest_objects


def make(revision: int, **apis: str) -> Snapshot:
    bodies = {kind: apis if kind == "api" else {} for kind in KINDS}
    digest = digest_objects(("api", id_, body) for id_, body in apis.items())
    return Snapshot(Mark("one", revision, digest), bodies, "key", 12.5)


@pytest.fixture
def file(tmp_path: Path) -> SnapshotFile:
    return SnapshotFile(tmp_path / "snapshot")


def test_what_was_saved_is_loaded(file: SnapshotFile, tmp_path: Path) -> None:
    assert file.load() is None
    snapshot = make(7, one='{"a": "\\n"}', two="é")
    file.save(snapshot)
    assert file.load() == snapshot
    assert (tmp_path / "snapshot").stat().st_mode & 0o077 == 0, "it holds a key"


@pytest.mark.parametrize("damage", [b"", b"{}", b"[]\n", b"\xff", b'{"format": 1}\n', None])
def test_a_damaged_file_makes_room_for_the_one_before(file: SnapshotFile, tmp_path: Path, damage: bytes | None) -> None:
    file.save(make(1, one="first"))
    file.save(make(2, one="second"))
    path = tmp_path / "snapshot"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    assert file.load() == make(1, one="first")


def test_no_flipped_bit_is_believed(file: SnapshotFile, tmp_path: Path) -> None:
    file.save(make(1, one="first"))
    file.save(make(2, one="second"))
    path = tmp_path / "snapshot"
    whole = path.read_bytes()
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        # The same but for white space, or a letter of an escape that may be of either case.
        assert file.load() in (make(1, one="first"), make(2, one="second")), bit


def test_a_file_that_lost_an_object_is_not_whole(file: SnapshotFile, tmp_path: Path) -> None:
    file.save(make(1, one="a", two="b"))
    path = tmp_path / "snapshot"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]))
    assert file.load() is None


def test_a_file_that_can_not_be_written_leaves_the_old_one(
    file: SnapshotFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.save(make(1, one="first"))

    def fail(_: int) -> None:
        raise OSError("no space")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no space"):
        file.save(make(2, one="second"))
    assert file.load() == make(1, one="first")
    assert [path.name for path in tmp_path.iterdir()] == ["snapshot"]


def test_what_was_confirmed_later_counts_for_what_it_names(file: SnapshotFile, tmp_path: Path) -> None:
    first, second = make(1, one="first"), make(2, one="second")
    file.save(first)
    file.confirm(first.mark, 99.5)
    assert file.load() == replace(first, confirmed_at=99.5)
    file.save(second)
    assert file.load() == second, "nobody confirmed this one"
    file.confirm(second.mark, 7.0)
    assert file.load() == second, "it was saved later than that"
    assert (tmp_path / "snapshot.confirmed").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", [b"", b"{}", b"[]", b"\xff", b"null", None])
def test_a_damaged_note_confirms_nothing(file: SnapshotFile, tmp_path: Path, damage: bytes | None) -> None:
    file.save(make(1, one="first"))
    file.confirm(make(1, one="first").mark, 99.5)
    path = tmp_path / "snapshot.confirmed"
    path.write_bytes(path.read_bytes().replace(b"99.5", b"99.9") if damage is None else damage)
    assert file.load() == make(1, one="first")
