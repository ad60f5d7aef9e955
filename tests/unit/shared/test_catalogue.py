import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.catalogue import NO_DIGEST, Change, Mark, digest_change, digest_objects

TEXT = st.text(max_size=20).filter(lambda text: "\0" not in text and text.isprintable())
KEYS = st.tuples(TEXT, TEXT)
OBJECTS = st.dictionaries(KEYS, TEXT, max_size=8)


def digest(objects: dict[tuple[str, str], str]) -> str:
    return digest_objects((kind, id_, body) for (kind, id_), body in objects.items())


def test_the_digest_of_nothing_is_zero() -> None:
    assert digest({}) == NO_DIGEST == "0" * 64


@given(st.lists(st.tuples(KEYS, TEXT | st.none()), max_size=20))
def test_changes_one_by_one_give_the_digest_of_the_whole(changes: list[tuple[tuple[str, str], str | None]]) -> None:
    """A pod that follows and one that loads everything come to the same digest."""
    objects: dict[tuple[str, str], str] = {}
    followed = NO_DIGEST
    for key, body in changes:
        followed = digest_change(followed, *key, objects.get(key), body)
        if body is None:
            objects.pop(key, None)
        else:
            objects[key] = body
    assert followed == digest(objects)


@given(OBJECTS, st.randoms())
def test_order_does_not_matter(objects: dict[tuple[str, str], str], random: st.randoms) -> None:  # type: ignore[valid-type] # hypothesis names no type
    items = [(kind, id_, body) for (kind, id_), body in objects.items()]
    random.shuffle(items)  # type: ignore[attr-defined] # see above
    assert digest_objects(items) == digest(objects)


@given(OBJECTS, OBJECTS)
def test_different_contents_have_different_digests(
    one: dict[tuple[str, str], str], other: dict[tuple[str, str], str]
) -> None:
    assert (digest(one) == digest(other)) == (one == other)


def test_kind_id_and_body_do_not_run_together() -> None:
    assert len({digest_objects([item]) for item in [("ab", "c", "d"), ("a", "bc", "d"), ("a", "b", "cd")]}) == 3


@given(st.builds(Change, st.integers(0, 2**53), TEXT, TEXT, TEXT | st.none(), TEXT | st.none()))
def test_a_change_survives_the_stream(change: Change) -> None:
    assert Change.read(f"{change.revision}-0", change.fields()) == change


@pytest.mark.parametrize(
    ("entry_id", "fields", "error"),
    [("x-0", {"kind": "api", "id": "1"}, ValueError), ("1-0", {"kind": "api"}, KeyError), ("1-0", {}, KeyError)],
)
def test_a_malformed_entry_is_told(entry_id: str, fields: dict[str, str], error: type[Exception]) -> None:
    with pytest.raises(error):
        Change.read(entry_id, fields)


def test_a_mark_survives_its_hash_and_half_a_mark_is_none() -> None:
    mark = Mark("epoch", 7, NO_DIGEST)
    assert Mark.read(mark.fields()) == mark
    for missing in mark.fields():
        assert Mark.read({key: value for key, value in mark.fields().items() if key != missing}) is None
    assert Mark.read({**mark.fields(), "revision": "many"}) is None
    assert Mark.read({}) is None
