import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from services.data_plane.forwarded import Sender, TrustedProxies, find_sender

PROXIES = TrustedProxies.parse("10.0.0.0/8, 2001:db8::/32")


def find(*chains: str, address: str = "10.0.0.1", proto: str | None = None, secure: bool = False) -> Sender:
    headers = CIMultiDict([("X-Forwarded-For", chain) for chain in chains])
    if proto is not None:
        headers["X-Forwarded-Proto"] = proto
    return find_sender(CIMultiDictProxy(headers), address, PROXIES, secure=secure)


def test_nobody_is_trusted_unless_named() -> None:
    headers = CIMultiDictProxy(CIMultiDict({"X-Forwarded-For": "192.0.2.9", "X-Forwarded-Proto": "https"}))
    sender = find_sender(headers, "127.0.0.1", TrustedProxies.parse(""), secure=False)
    assert sender == Sender("127.0.0.1", secure=False, chain="127.0.0.1")


def test_what_another_than_a_trusted_proxy_says_is_dropped() -> None:
    assert find("192.0.2.9", address="192.0.2.1", proto="https") == Sender("192.0.2.1", secure=False, chain="192.0.2.1")


@pytest.mark.parametrize(
    ("chains", "client"),
    [
        (("192.0.2.9",), "192.0.2.9"),
        (("6.6.6.6, 192.0.2.9",), "192.0.2.9"),  # the client's own claim, told on by an honest proxy
        (("6.6.6.6, 192.0.2.9, 10.1.1.1",), "192.0.2.9"),
        (("192.0.2.9", "10.1.1.1, 10.2.2.2"), "192.0.2.9"),
        (("10.3.3.3",), "10.3.3.3"),
        (("unknown",), "10.0.0.1"),
        (("unknown, 10.4.4.4",), "10.4.4.4"),
        (("192.0.2.9:4711",), "192.0.2.9"),
        (("[2001:db9::1]:443, 2001:db8::5",), "2001:db9::1"),
        (("::ffff:192.0.2.9",), "192.0.2.9"),
        (("fe80::1%eth0; evil",), "fe80::1"),
        ((), "10.0.0.1"),
        ((" , ,",), "10.0.0.1"),
    ],
)
def test_the_client_is_the_first_hop_that_nobody_vouches_for(chains: tuple[str, ...], client: str) -> None:
    assert find(*chains).address == client


def test_the_backend_is_told_the_whole_chain() -> None:
    assert find("6.6.6.6, 192.0.2.9", "10.1.1.1").chain == "6.6.6.6, 192.0.2.9, 10.1.1.1, 10.0.0.1"


@pytest.mark.parametrize(
    ("proto", "secure"),
    [
        ("https", True),
        ("WSS", True),
        ("http", False),
        ("ws", False),
        ("", True),
        ("gopher", True),
        ("http,https", True),
    ],
)
def test_the_protocol_is_the_one_that_a_trusted_proxy_names(proto: str, *, secure: bool) -> None:
    assert find(proto=proto, secure=True).secure is secure


@given(st.lists(st.text(alphabet="0123456789abcdef.:[]%, ", max_size=60), max_size=4))
def test_the_address_is_always_one_that_stands_there(chains: list[str]) -> None:
    sender = find(*chains)
    assert sender.chain.endswith("10.0.0.1")
    assert TrustedProxies.parse(sender.address).trust(sender.address)


@pytest.mark.parametrize("text", ["10.0.0.1/8", "x", "10.0.0.0/8;::/0"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"host bits|does not appear"):
        TrustedProxies.parse(text)
