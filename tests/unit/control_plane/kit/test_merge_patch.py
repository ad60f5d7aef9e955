from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from services.control_plane.kit.merge_patch import merge, patched
from services.control_plane.kit.problems import InvalidError


# RFC 7396, appendix A: original, patch, result.
@pytest.mark.parametrize(
    ("original", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merges_as_the_rfc_says(original: Any, patch: Any, result: Any) -> None:
    assert merge(original, patch) == result


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    amount: int = 1


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    note: str = "none"
    inner: Inner = Inner()
    seconds: int | None = 30


def test_null_brings_a_default_back() -> None:
    assert patched(Outer(name="x", note="y"), {"note": None}) == Outer(name="x")


def test_null_stays_null_where_it_has_a_meaning() -> None:
    assert patched(Outer(name="x"), {"seconds": None}).seconds is None
    assert patched(Outer(name="x", seconds=None), {"note": "y"}).seconds is None


@pytest.mark.parametrize(
    ("patch", "field"),
    [({"inner": {"amount": "many"}}, "inner.amount"), ({"name": None}, "name"), ({"other": 1}, "other")],
)
def test_names_the_field_that_is_wrong(patch: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidError) as caught:
        patched(Outer(name="x"), patch)
    assert [error["field"] for error in caught.value.members["errors"]] == [field]
