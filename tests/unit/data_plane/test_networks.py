import pytest

from services.data_plane.networks import find_source, is_within


@pytest.mark.parametrize(
    ("address", "networks", "within"),
    [
        ("192.0.2.7", ["192.0.2.0/24"], True),
        ("192.0.2.7", ["192.0.2.7"], True),
        ("192.0.3.7", ["192.0.2.0/24", "2001:db8::/32"], False),
        ("2001:db8::1", ["192.0.2.0/24", "2001:db8::/32"], True),
        ("192.0.2.7", [], False),
    ],
)
def test_an_address_is_within_its_networks_only(address: str, networks: list[str], within: bool) -> None:
    assert is_within(address, networks) is within


@pytest.mark.parametrize(
    ("address", "source"), [("192.0.2.7", "192.0.2.7"), ("2001:db8::1:2:3:4", "2001:db8::/64"), ("::1", "::/64")]
)
def test_a_host_is_one_source_whichever_of_its_addresses_it_uses(address: str, source: str) -> None:
    assert find_source(address) == source
