"""The lifecycle as a picture, drawn from the table of transitions. Pure."""

from typing import Final, NamedTuple

from services.control_plane.publisher.lifecycle import TRANSITIONS
from shared.definition import State

WIDTH: Final = 124
HEIGHT: Final = 36

_CENTRES: Final[dict[State, tuple[int, int]]] = {
    "CREATED": (72, 118),
    "PROTOTYPED": (182, 26),
    "PUBLISHED": (292, 118),
    "BLOCKED": (402, 210),
    "DEPRECATED": (512, 118),
    "RETIRED": (698, 118),
}
_GAP: Final = 4


class Node(NamedTuple):
    name: State
    x: int
    y: int
    mark: str


class Edge(NamedTuple):
    """A line; `both` has a head at either end."""

    x1: float
    y1: float
    x2: float
    y2: float
    both: bool


def draw_nodes(state: State) -> list[Node]:
    """Return the boxes: the state that an API is in, and those that it can go to, are marked."""
    targets = {transition.to for transition in TRANSITIONS[state]}
    return [
        Node(name, x - WIDTH // 2, y - HEIGHT // 2, "on" if name == state else "open" if name in targets else "")
        for name, (x, y) in _CENTRES.items()
    ]


def draw_edges() -> list[Edge]:
    pairs = {(state, each.to) for state, open_ in TRANSITIONS.items() for each in open_ if each.to != state}
    ways = sorted(pair for pair in pairs if pair[::-1] not in pairs or pair[0] < pair[1])
    return [_edge(start, end, both=(end, start) in pairs) for start, end in ways]


def _edge(start: State, end: State, *, both: bool) -> Edge:
    """Return a line from border to border."""
    x1, y1 = _border(start, end)
    x2, y2 = _border(end, start)
    return Edge(x1, y1, x2, y2, both)


def _border(inside: State, outside: State) -> tuple[float, float]:
    """Return where the line between two centres leaves a box, and a little more."""
    (x, y), (to_x, to_y) = _CENTRES[inside], _CENTRES[outside]
    dx, dy = to_x - x, to_y - y
    half_width, half_height = WIDTH / 2 + _GAP, HEIGHT / 2 + _GAP
    share = min(half_width / abs(dx) if dx else 1, half_height / abs(dy) if dy else 1)
    return round(x + dx * share, 1), round(y + dy * share, 1)
