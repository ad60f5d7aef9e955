"""Bodies become objects: those that are the same stay, and a bad one takes nothing away."""

import gc
from typing import Self, cast

import pytest
from pydantic import model_validator

from services.data_plane.contents import (
    AT_ONCE,
    MOST_CHARACTERS,
    Contents,
    digest_bodies,
    no_collections,
    read_contents,
)
from shared.catalogue import KINDS, NO_DIGEST, Change, digest_objects
from shared.contract import Contract
from shared.limits import Limit, Policy, PolicyName


def policy(name: str, amount: int = 1) -> str:
    return Policy(name=PolicyName(name), level="subscription", limits=(Limit(amount=amount),)).model_dump_json()


async def test_what_is_the_same_is_not_read_again() -> None:
    before = await read_contents({"policy": {"a": policy("a"), "b": policy("b")}, "novelty": {"x": "?"}}, Contents())
    after = await read_contents({"policy": {"a": policy("a"), "b": policy("b", 2)}, "novelty": {"x": "!"}}, before)
    assert after.objects["policy"]["a"] is before.objects["policy"]["a"]
    assert after.objects["policy"]["b"] != before.objects["policy"]["b"]
    assert after.bodies == {"policy": {"a": policy("a"), "b": policy("b", 2)}, "novelty": {"x": "!"}}
    assert before.bodies["policy"]["b"] == policy("b"), "it is made aside"


async def test_a_bad_object_is_refused_alone_and_what_was_held_stays() -> None:
    before = await read_contents({"policy": {"a": policy("a"), "b": policy("b")}}, Contents())
    bad = {"policy": {"a": "{}", "b": policy("b"), "new": "{}"}}
    contents = before
    for _ in range(2):  # it is still bad when all is read again
        contents = await read_contents(bad, contents)
        assert contents.objects["policy"] == before.objects["policy"]
        assert contents.bodies == bad
        assert set(contents.refused) == {("policy", "a"), ("policy", "new")}
    contents = await read_contents({"policy": {"a": policy("a")}}, contents)
    assert not contents.refused
    assert set(contents.objects["policy"]) == {"a"}


async def test_what_is_far_too_large_is_not_even_read() -> None:
    contents = await read_contents({"policy": {"a": policy("a") + " " * MOST_CHARACTERS, "b": policy("b")}}, Contents())
    assert set(contents.objects["policy"]) == {"b"}
    assert set(contents.refused) == {("policy", "a")}


async def test_a_fault_of_ours_with_one_object_refuses_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Policy):
        @model_validator(mode="after")
        def fail_for_one(self) -> Self:
            return {"good": self}[self.name]

    monkeypatch.setitem(cast("dict[str, type[Contract]]", KINDS), "policy", Broken)
    contents = await read_contents({"policy": {"bad": policy("bad"), "good": policy("good")}}, Contents())
    assert set(contents.objects["policy"]) == {"good"}
    assert contents.refused == {("policy", "bad"): "KeyError while it was read"}


async def test_changes_lead_to_the_same_as_reading_all() -> None:
    contents, digest = Contents(), NO_DIGEST
    for revision, (id_, body) in enumerate(
        [("a", policy("a")), ("b", "{}"), ("a", policy("a", 2)), ("c", policy("c")), ("b", None), ("c", None)], 1
    ):
        digest = contents.change(digest, Change(revision, "policy", id_, body))
    whole = await read_contents({"policy": {"a": policy("a", 2)}}, Contents())
    assert contents == whole
    assert digest == await digest_bodies(whole.bodies)


async def test_a_digest_in_parts_is_the_digest_of_all() -> None:
    bodies = {kind: {f"{kind}-{number}": "{}" for number in range(AT_ONCE + 7)} for kind in ("api", "key")}
    assert await digest_bodies(bodies) == digest_objects(
        (kind, id_, body) for kind, found in bodies.items() for id_, body in found.items()
    )


def test_the_collector_goes_on_afterwards() -> None:
    with no_collections():
        assert not gc.isenabled()
    assert gc.isenabled()
