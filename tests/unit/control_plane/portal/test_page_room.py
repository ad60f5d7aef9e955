from services.control_plane.portal.page_room import CHARACTERS, ENTRIES, PageRoom


def test_there_is_room_for_so_many_entries() -> None:
    room = PageRoom()
    assert sum(room.take() for _ in range(ENTRIES + 5)) == ENTRIES
    assert room.is_full


def test_texts_are_cut_and_take_their_room() -> None:
    room = PageRoom()
    assert [room.text(value, 4) for value in (None, "abc", "abcdef", 7, True)] == ["", "abc", "abcd …", "7", "true"]
    assert room.text("x" * CHARACTERS, CHARACTERS)
    assert not room.take()


def test_a_value_that_is_referred_to_often_is_written_once() -> None:
    room, value = PageRoom(), {"a": [1]}
    assert room.whole(value) == '{\n  "a": [\n    1\n  ]\n}'
    assert room.whole(value) is room.whole(value)
