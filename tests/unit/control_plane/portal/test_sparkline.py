from services.control_plane.portal.sparkline import HEIGHT, WIDTH, sketch


def test_a_line_goes_from_edge_to_edge_and_as_high_as_it_can() -> None:
    assert sketch([0, 5, 10]).points == f"0,{HEIGHT - 2} {WIDTH // 2},{HEIGHT // 2} {WIDTH},2"
    assert sketch([0, 5, 10]).total == 15


def test_no_traffic_is_a_line_on_the_ground() -> None:
    assert sketch([0, 0]).points == f"0,{HEIGHT - 2} {WIDTH},{HEIGHT - 2}"
    assert sketch([]).points == ""
