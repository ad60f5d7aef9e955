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
    assert choose_offers(offered, ()) == chosen


def test_where_messages_may_be_dropped_the_sender_is_asked_to_let_each_stand_alone() -> None:
    offered = f"{NAME}; client_max_window_bits"
    assert choose_offers(offered, ["publish"]) == f"{offered}; client_no_context_takeover"
    assert choose_offers(offered, ["subscribe"]) == f"{offered}; server_no_context_takeover"
    already = f"{NAME}; client_no_context_takeover"
    assert choose_offers(already, ["publish"]) == already


def test_a_malformed_offer_is_an_error() -> None:
    with pytest.raises(InvalidHeader):
        choose_offers("permessage-deflate; =", ())


@pytest.mark.parametrize(
    ("answer", "publish", "subscribe"),
    [
        ("", True, True),
        (NAME, False, False),
        (f"{NAME}; client_no_context_takeover", True, False),
        (f"{NAME}; server_no_context_takeover", False, True),
        (f"{NAME}; server_max_window_bits=10; client_max_window_bits=12", False, False),
    ],
)
def test_a_good_answer_says_whose_messages_may_be_dropped(answer: str, publish: bool, subscribe: bool) -> None:
    assert read_answer(answer, f"{NAME}; client_max_window_bits") == Agreement(answer, publish, subscribe)


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
