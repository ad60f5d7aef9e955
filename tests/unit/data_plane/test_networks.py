import pytest

from services.data_plane.networks import is_within


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
