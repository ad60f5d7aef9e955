from services.control_plane.portal.lifecycle_picture import HEIGHT, WIDTH, draw_edges, draw_nodes
from services.control_plane.publisher.lifecycle import TRANSITIONS


def test_every_state_is_drawn_and_the_open_ones_are_marked() -> None:
    for state, transitions in TRANSITIONS.items():
        marks = {node.name: node.mark for node in draw_nodes(state)}
        assert marks.keys() == TRANSITIONS.keys()
        assert marks[state] == "on"
        assert {name for name, mark in marks.items() if mark == "open"} == {step.to for step in transitions} - {state}


def test_every_transition_has_an_arrow() -> None:
    ways = {(state, step.to) for state, steps in TRANSITIONS.items() for step in steps if step.to != state}
    edges = draw_edges()
    assert sum(2 if edge.both else 1 for edge in edges) == len(ways)


def test_no_line_runs_into_a_box() -> None:
    nodes = draw_nodes("CREATED")
    for edge in draw_edges():
        for x, y in ((edge.x1, edge.y1), (edge.x2, edge.y2)):
            assert not any(n.x < x < n.x + WIDTH and n.y < y < n.y + HEIGHT for n in nodes)
