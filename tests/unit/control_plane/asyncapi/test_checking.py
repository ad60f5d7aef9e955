"""Whatever a document is like, it is refused by an error of ours, or can be worked with."""

import copy
import json
from collections.abc import Iterator
from contextlib import suppress
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.control_plane.asyncapi.checking import check
from services.control_plane.asyncapi.checks import find_checks
from services.control_plane.asyncapi.comparing import compare
from services.control_plane.asyncapi.gateway import show
from services.control_plane.asyncapi.importing import Imported
from services.control_plane.asyncapi.mocking import make_mock
from services.control_plane.asyncapi.pointers import make_pointer
from services.control_plane.kit.problems import InvalidError
from tests.integration.control_plane.asyncapi.mutants import CHAT_2, CHAT_3, change, mutants
from tests.unit.control_plane.asyncapi.test_gateway import GATEWAY, make_api

WHOLE = [json.loads(text) for _, text in mutants()]
ODD: list[Any] = [None, True, 1, "", "x", "#/a", {}, [], [{}], {"$ref": 1}, {"$ref": "#"}, "{a}"]
FIELDS = ["$ref", "messages", "servers", "security", "parameters", "traits", "type", "oneOf", "message", "payload"]


def work_with(document: dict[str, Any]) -> None:
    """Check a document, and do all that is done with those that were accepted."""
    with suppress(InvalidError):
        checked = check(document)
        json.dumps(show(checked, make_api(), GATEWAY))
        assert compare(checked, checked) == []
        with suppress(InvalidError):
            find_checks(checked, {"publish": "close", "subscribe": "drop"})
        with suppress(InvalidError):
            make_mock(checked, ("SANDBOX",))
        Imported(checked, "/context").body()


def nodes(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    yield path, value
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in entries:
        yield from nodes(item, (*path, key))


def disturb(document: dict[str, Any], chance: Random) -> None:
    """Take something away, or put something else in its place or beside it."""
    everything = list(nodes(document))
    path, _ = chance.choice(everything[1:])
    parent: Any = document
    for key in path[:-1]:
        parent = parent[key]
    place, other = chance.choice(everything)
    new = chance.choice([{"$ref": f"#{make_pointer(*place)}"}, copy.deepcopy(other), chance.choice(ODD)])
    match chance.randrange(3):
        case 0:
            del parent[path[-1]]
        case 1:
            parent[path[-1]] = new
        case _ if isinstance(parent, dict):
            parent[chance.choice(FIELDS)] = new
        case _:
            parent.append(new)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(WHOLE), st.randoms(use_true_random=False), st.integers(1, 3))
def test_no_document_is_too_odd(whole: dict[str, Any], chance: Random, times: int) -> None:
    document = copy.deepcopy(whole)
    for _ in range(times):
        disturb(document, chance)
    work_with(json.loads(json.dumps(document)))


SAID = {"$ref": "#/components/schemas/said"}


@pytest.mark.parametrize(
    "document",
    [
        change(CHAT_2, {"channels./rooms/{id}.parameters": {"id": 1}}),
        change(CHAT_2, {"channels./rooms/{id}.publish.message.oneOf": "x"}),
        change(CHAT_2, {"components.securitySchemes": {"$ref": 1}}),
        change(CHAT_3, {"operations": {"payload": SAID}}),
        change(CHAT_3, {"channels.payload": SAID, "components.schemas.said.servers": 1}),
        change(CHAT_3, {"operations.say.traits": [["x"], {"$ref": "#/x-t", "traits": True}], "x-t": {}}),
    ],
    ids=range(6),
)
def test_what_a_schema_lets_pass_is_no_defect(document: dict[str, Any]) -> None:
    work_with(document)
