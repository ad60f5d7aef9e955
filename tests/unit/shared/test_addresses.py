from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.addresses import AddressPolicy

PUBLIC_ONLY = AddressPolicy()

PRIVATE_V4 = [
    "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.1.1", "169.254.169.254", "100.100.100.200",
    "100.64.0.1", "0.0.0.0", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.0.8", "192.88.99.1", "198.18.0.1",
]  # fmt: skip
PRIVATE_V6 = [
    "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1", "2001:db8::1", "3fff::1",
    "5f00::1", "64:ff9b:1::1",
]  # fmt: skip


def v6_forms(address: str) -> dict[str, str]:
    """Return the IPv6 forms that lead to an IPv4 address."""
    value = int(IPv4Address(address))
    forms = {
        "mapped": 0xFFFF << 32 | value,
        "compatible": value,
        "translated": 0xFFFF << 48 | value,
        "6to4": 0x2002 << 112 | value << 80,
        "Teredo": 0x2001 << 112 | (value ^ 0xFFFFFFFF),
        "NAT64": 0x64FF9B << 96 | value,
    }
    return {name: str(IPv6Address(form)) for name, form in forms.items()}


@pytest.mark.parametrize("address", [*PRIVATE_V4, *PRIVATE_V6])
def test_what_is_not_public_is_refused(address: str) -> None:
    assert not PUBLIC_ONLY.permits(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "2001:4860:4860::8888"])
def test_public_addresses_are_permitted(address: str) -> None:
    assert PUBLIC_ONLY.permits(address)


@pytest.mark.parametrize("form", ["mapped", "compatible", "translated", "6to4", "Teredo", "NAT64"])
@pytest.mark.parametrize("address", PRIVATE_V4)
def test_no_ipv6_form_leads_to_a_private_ipv4_address(address: str, form: str) -> None:
    assert not PUBLIC_ONLY.permits(v6_forms(address)[form])


def test_allow_opens_what_is_not_public_and_only_that() -> None:
    policy = AddressPolicy.parse("10.1.0.0/16, ::1/128", "")
    assert policy.permits("10.1.2.3")
    assert policy.permits("::ffff:10.1.2.3")
    assert policy.permits("::1")
    assert not policy.permits("10.2.0.1")


def test_deny_wins_over_allow_and_over_public() -> None:
    policy = AddressPolicy.parse("10.0.0.0/8", "10.1.0.0/16,8.8.8.0/24,64:ff9b::/96")
    assert policy.permits("10.2.0.1")
    assert not policy.permits("10.1.0.1")
    assert not policy.permits("8.8.8.8")
    assert not policy.permits("::ffff:8.8.8.8")
    assert not policy.permits("64:ff9b::101:101")


@given(st.ip_addresses())
def test_any_address_has_an_answer_and_deny_all_refuses_it(address: IPv4Address | IPv6Address) -> None:
    assert PUBLIC_ONLY.permits(str(address)) in {True, False}
    deny_all = AddressPolicy(
        allow=(ip_network("0.0.0.0/0"), ip_network("::/0")), deny=(ip_network("0.0.0.0/0"), ip_network("::/0"))
    )
    assert not deny_all.permits(str(address))


@given(st.ip_addresses(v=4), st.sampled_from(["mapped", "6to4", "Teredo", "NAT64"]))
def test_an_ipv6_form_is_judged_like_the_address_it_leads_to(address: IPv4Address, form: str) -> None:
    assert PUBLIC_ONLY.permits(v6_forms(str(address))[form]) == PUBLIC_ONLY.permits(str(address))


@pytest.mark.parametrize("text", ["10.0.0.1/8", "example.com", "10.0.0.0/33", "1.2.3.4 5.6.7.8"])
def test_what_is_no_network_is_refused_when_it_is_read(text: str) -> None:
    with pytest.raises(ValueError, match=r"host bits set|does not appear"):
        AddressPolicy.parse(text, "")


def test_empty_parts_of_a_list_are_nothing() -> None:
    assert AddressPolicy.parse(" , ,", "") == AddressPolicy()


@pytest.mark.parametrize("text", ["localhost", "0177.0.0.1", "2130706433", "", "127.1"])
def test_only_an_address_as_a_resolver_gives_it_is_judged(text: str) -> None:
    with pytest.raises(ValueError, match="does not appear"):
        PUBLIC_ONLY.permits(text)
