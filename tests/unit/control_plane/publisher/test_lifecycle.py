from typing import get_args

import pytest

from services.control_plane.publisher.lifecycle import (
    INITIAL,
    KNOWN_TO_PODS,
    SERVED_STATES,
    TRANSITIONS,
    Action,
    target,
    way,
)
from shared.definition import State

STATES: tuple[State, ...] = get_args(State)
ACTIONS: tuple[Action, ...] = get_args(Action)

OPEN = {
    ("CREATED", "publish"): "PUBLISHED",
    ("CREATED", "prototype"): "PROTOTYPED",
    ("PROTOTYPED", "publish"): "PUBLISHED",
    ("PROTOTYPED", "prototype"): "PROTOTYPED",
    ("PROTOTYPED", "demote"): "CREATED",
    ("PUBLISHED", "publish"): "PUBLISHED",
    ("PUBLISHED", "prototype"): "PROTOTYPED",
    ("PUBLISHED", "block"): "BLOCKED",
    ("PUBLISHED", "deprecate"): "DEPRECATED",
    ("PUBLISHED", "demote"): "CREATED",
    ("BLOCKED", "unblock"): "PUBLISHED",
    ("BLOCKED", "deprecate"): "DEPRECATED",
    ("DEPRECATED", "retire"): "RETIRED",
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("action", ACTIONS)
def test_each_action_from_each_state(state: State, action: Action) -> None:
    assert target(state, action) == OPEN.get((state, action))


def test_every_state_is_in_the_table_and_can_be_reached() -> None:
    assert set(TRANSITIONS) == set(STATES)
    assert {to for open_ in TRANSITIONS.values() for _, to in open_} | {INITIAL} == set(STATES)


def test_pods_know_all_that_clients_may_have_seen() -> None:
    assert SERVED_STATES < KNOWN_TO_PODS
    assert set(STATES) - KNOWN_TO_PODS == {"CREATED"}


def test_a_way_is_the_shortest_and_leads_there() -> None:
    assert way("CREATED", "RETIRED") == ("publish", "deprecate", "retire")
    assert way("BLOCKED", "CREATED") == ("unblock", "demote")
    assert way("PUBLISHED", "PUBLISHED") == ()
    assert way("RETIRED", "PUBLISHED") is None
    for state in STATES:
        for to in STATES:
            reached: State | None = state
            for action in way(state, to) or ():
                assert reached is not None
                reached = target(reached, action)
            assert reached == to or way(state, to) is None
