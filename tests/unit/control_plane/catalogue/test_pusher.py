import pytest

from services.control_plane.catalogue.pusher import contiguous
from shared.catalogue import Change


@pytest.mark.parametrize(
    ("stored", "revision", "kept"),
    [
        ([], 0, []),
        ([1, 2, 3], 3, [1, 2, 3]),
        ([1, 3, 4], 4, [3, 4]),
        ([1, 2], 4, []),
        ([5], 5, [5]),
    ],
)
def test_a_stream_has_no_holes(stored: list[int], revision: int, kept: list[int]) -> None:
    changes = [Change(number, "api", "x", None) for number in stored]
    assert [change.revision for change in contiguous(changes, revision)] == kept
