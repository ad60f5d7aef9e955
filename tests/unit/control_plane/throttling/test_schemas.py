from typing import Any

import pytest
from pydantic import ValidationError

from services.control_plane.throttling.builtin import builtin_policies
from services.control_plane.throttling.schemas import PolicyWrite

POLICY: dict[str, Any] = {"name": "Mine", "level": "subscription"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"limits": [{"unit": "bytes", "amount": 1}]}, "limits.0.unit"),
        ({"limits": [{"unit": "connections", "amount": 1, "window_seconds": None}]}, "limits.0.unit"),
        ({"limits": [{"amount": 1, "direction": "both"}]}, "limits.0.direction"),
        ({"limits": [{"amount": 0}]}, "limits.0.amount"),
        ({"limits": [{"amount": 1, "window_seconds": None}]}, "limits.0"),
        ({"limits": [{"amount": 1, "window_seconds": 0}]}, "limits.0.window_seconds"),
        ({"limits": [{"amount": 1}, {"amount": 2}]}, "limits"),
        ({"burst": {"amount": 1, "window_seconds": 1}}, "burst"),
        ({"shadow": True}, "shadow"),
        ({"on_exceed": "explode"}, "on_exceed"),
        ({"max_delay_seconds": 0}, "max_delay_seconds"),
        ({"name": "a/b"}, "name"),
        ({"level": "global"}, "level"),
        ({"limit": []}, "limit"),
    ],
)
def test_what_is_not_enforced_is_refused_by_its_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        PolicyWrite.model_validate({**POLICY, **changes})
    assert [".".join(map(str, error["loc"])) for error in caught.value.errors()] == [field]


@pytest.mark.parametrize("on_exceed", ["delay", "drop", "close"])
def test_each_way_to_exceed_is_accepted(on_exceed: str) -> None:
    body = {**POLICY, "limits": [{"amount": 5}], "on_exceed": on_exceed, "max_delay_seconds": 1.5, "burst": None}
    assert PolicyWrite.model_validate(body).limits[0].window_seconds == 60


def test_the_built_in_policies_are_the_documented_ones() -> None:
    amounts = {(level, name): [limit.amount for limit in limits] for level, name, limits in builtin_policies()}
    assert amounts == {
        ("subscription", "Gold"): [5000],
        ("subscription", "Silver"): [2000],
        ("subscription", "Bronze"): [1000],
        ("subscription", "Unlimited"): [],
        ("application", "50PerMin"): [50],
        ("application", "20PerMin"): [20],
        ("application", "10PerMin"): [10],
        ("application", "Unlimited"): [],
        ("api", "50KPerMin"): [50_000],
        ("api", "20KPerMin"): [20_000],
        ("api", "10KPerMin"): [10_000],
        ("api", "Unlimited"): [],
    }
