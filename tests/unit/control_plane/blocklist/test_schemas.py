from typing import Any

import pytest
from pydantic import ValidationError

from services.control_plane.blocklist.schemas import BlockWrite


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "address", "value": "203.0.113.7/24"}, "value"),
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
    assert BlockWrite.model_validate({"kind": "address", "value": "::FFFF"}).value == "::ffff"
    assert BlockWrite.model_validate({"kind": "user", "value": "::FFFF"}).value == "::FFFF"
