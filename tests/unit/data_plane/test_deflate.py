import pytest
from websockets.exceptions import InvalidHeader

from services.data_plane.deflate import Agreement, choose_offers, read_answer

NAME = "permessage-deflate"


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ("", ""),
        ("x-webkit-deflate-frame", ""),
        (f"{NAME}; client_max_window_bits", f"{NAME}; client_max_window_bits"),
        (f"bogus, {NAME}; server_no_context_takeover, {NAME}", f"{NAME}; server_no_context_takeover, {NAME}"),
    ],
)
def test_only_what_the_relay_understands_is_offered(offered: str, chosen: str) -> None:
    assert choose_offers(offered, droppable=False) == chosen


def test_where_messages_may_be_dropped_the_client_is_asked_to_let_each_stand_alone() -> None:
    assert choose_offers(f"{NAME}; client_max_window_bits", droppable=True) == (
        f"{NAME}; client_max_window_bits; client_no_context_takeover"
    )
    already = f"{NAME}; client_no_context_takeover"
    assert choose_offers(already, droppable=True) == already


def test_a_malformed_offer_is_an_error() -> None:
    with pytest.raises(InvalidHeader):
        choose_offers("permessage-deflate; =", droppable=False)


@pytest.mark.parametrize(
    ("answer", "droppable"),
    [
        ("", True),
        (NAME, False),
        (f"{NAME}; client_no_context_takeover", True),
        (f"{NAME}; server_max_window_bits=10; client_max_window_bits=12", False),
    ],
)
def test_a_good_answer_says_whether_messages_may_be_dropped(answer: str, droppable: bool) -> None:
    assert read_answer(answer, f"{NAME}; client_max_window_bits") == Agreement(answer, droppable=droppable)


@pytest.mark.parametrize(
    ("answer", "offers"),
    [
        (NAME, ""),
        ("bogus", NAME),
        (f"{NAME}, {NAME}", NAME),
        (f"{NAME}; client_max_window_bits=12", NAME),
        (f"{NAME}; server_max_window_bits=16", NAME),
        (f"{NAME}; server_max_window_bits", NAME),
        (f"{NAME}; server_no_context_takeover=1", NAME),
        (f"{NAME}; server_no_context_takeover; server_no_context_takeover", NAME),
        (f"{NAME}; unknown", NAME),
        ("=", NAME),
    ],
)
def test_an_answer_that_was_not_offered_or_is_malformed_is_refused(answer: str, offers: str) -> None:
    assert read_answer(answer, offers) is None
