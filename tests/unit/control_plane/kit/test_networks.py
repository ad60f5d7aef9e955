import pytest
from pydantic import TypeAdapter, ValidationError

from services.control_plane.kit.networks import AddressOrNetwork

ADAPTER: TypeAdapter[str] = TypeAdapter(AddressOrNetwork)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("203.0.113.7", "203.0.113.7"),
        (" 203.0.113.7/32 ", "203.0.113.7"),
        ("203.0.113.0/255.255.255.0", "203.0.113.0/24"),
        ("2001:DB8:0::/32", "2001:db8::/32"),
        ("2001:db8::0001", "2001:db8::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.0/120", "203.0.113.0/24"),
        ("::/0", "::/0"),
    ],
)
def test_an_address_has_one_form(given: str, kept: str) -> None:
    assert ADAPTER.validate_python(given) == kept


@pytest.mark.parametrize("bad", ["203.0.113.7/24", "example.com", "fe80::1%eth0", "7", "", "*"])
def test_what_is_no_address(bad: str) -> None:
    with pytest.raises(ValidationError):
        ADAPTER.validate_python(bad)
