"""The lifecycle of an API, as a table. Pure.

CREATED      not served
PROTOTYPED   served to any valid token, without a subscription
PUBLISHED    served to subscribers
BLOCKED      known, but refused
DEPRECATED   served to those who have subscribed, and to no others
RETIRED      gone, for good
"""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from shared.definition import State

Action = Literal["publish", "prototype", "block", "unblock", "deprecate", "retire", "demote"]


class Transition(NamedTuple):
    action: Action
    to: State


TRANSITIONS: Final[Mapping[State, tuple[Transition, ...]]] = {
    "CREATED": (
        Transition("publish", "PUBLISHED"),
        Transition("prototype", "PROTOTYPED"),
    ),
    "PROTOTYPED": (
        Transition("publish", "PUBLISHED"),
        Transition("prototype", "PROTOTYPED"),
        Transition("demote", "CREATED"),
    ),
    "PUBLISHED": (
        Transition("publish", "PUBLISHED"),
        Transition("prototype", "PROTOTYPED"),
        Transition("block", "BLOCKED"),
        Transition("deprecate", "DEPRECATED"),
        Transition("demote", "CREATED"),
    ),
    "BLOCKED": (
        Transition("unblock", "PUBLISHED"),
        Transition("deprecate", "DEPRECATED"),
    ),
    "DEPRECATED": (Transition("retire", "RETIRED"),),
    "RETIRED": (),
}

INITIAL: Final[State] = "CREATED"

SERVED_STATES: Final[frozenset[State]] = frozenset({"PROTOTYPED", "PUBLISHED", "DEPRECATED"})
"""Where clients may connect, and the store shows the API."""

ASKED_FOR: Final[frozenset[Action]] = frozenset({"publish", "prototype"})
"""What administrators approve, where they want to be asked: an API is put before the public, or stands open to more."""

KNOWN_TO_PODS: Final[frozenset[State]] = SERVED_STATES | {"BLOCKED", "RETIRED"}


def way(state: State, to: State) -> tuple[Action, ...] | None:
    """Return the fewest actions that lead from one state to another, or None where none do."""
    ways: dict[State, tuple[Action, ...]] = {state: ()}
    queue = [state]
    for at in queue:
        for action, reached in TRANSITIONS[at]:
            if reached not in ways:
                ways[reached] = (*ways[at], action)
                queue.append(reached)
    return ways.get(to)


def target(state: State, action: Action) -> State | None:
    """Return the state that an action leads to, or None where it is not open."""
    return next((transition.to for transition in TRANSITIONS[state] if transition.action == action), None)
