from typing import Any

import pytest
from pydantic import ValidationError

from services.control_plane.blocklist.schemas import BlockWrite


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
    assert BlockWrite.model_validate({"kind": "address", "value": given}).value == kept


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "address", "value": "203.0.113.7/24"}, "value"),
        ({"kind": "address", "value": "example.com"}, "value"),
        ({"kind": "address", "value": "fe80::1%eth0"}, "value"),
        ({"kind": "address", "value": "7"}, "value"),
        ({"kind": "user", "value": " "}, "value"),
        ({"kind": "user", "value": "a\nb"}, "value"),
        ({"kind": "user"}, "value"),
        ({"kind": "country", "value": "x"}, "kind"),
        ({"kind": "user", "value": "x", "until": 1}, "until"),
    ],
)
def test_what_can_not_be_blocked(body: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        BlockWrite.model_validate(body)
    assert [".".join(map(str, error["loc"])) for error in caught.value.errors()] == [field]


def test_only_addresses_are_normalised() -> None:
    assert BlockWrite.model_validate({"kind": "user", "value": "::FFFF"}).value == "::FFFF"
