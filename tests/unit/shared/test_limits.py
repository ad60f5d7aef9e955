from typing import Any

import pytest
from pydantic import ValidationError

from shared.limits import Burst, Limit, Policy, PolicyName, policy_id


def test_a_policy_is_named_within_its_level() -> None:
    gold = PolicyName("Gold")
    assert Policy(name=gold, level="subscription").id == policy_id("subscription", gold) == "subscription/Gold"
    assert policy_id("api", gold) != policy_id("application", gold)


def test_what_is_not_said_has_the_documented_default() -> None:
    policy = Policy.model_validate({"name": "Gold", "level": "subscription", "limits": [{"amount": 5}]})
    assert policy.limits[0] == Limit(unit="messages", amount=5, window_seconds=60, direction="publish")
    assert (policy.on_exceed, policy.shadow, policy.burst) == ("delay", False, None)


@pytest.mark.parametrize(
    "fields",
    [
        {"amount": 0},
        {"amount": -1},
        {"amount": 2**53},
        {"amount": 1, "window_seconds": 0},
        {"amount": 1, "window_seconds": 32 * 24 * 3600},
        {"amount": 1, "unit": "frames"},
        {"amount": 1, "direction": "up"},
    ],
)
def test_a_limit_that_can_not_be_kept_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Limit.model_validate(fields)


@pytest.mark.parametrize("fields", [{"level": "user"}, {"on_exceed": "ignore"}, {"max_delay_seconds": 0}])
def test_a_policy_that_can_not_be_kept_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Policy.model_validate({"name": "Gold", "level": "api", **fields})


def test_policies_are_frozen_and_ignore_what_a_newer_control_plane_says() -> None:
    burst = Burst.model_validate({"amount": 1, "window_seconds": 1, "not_yet_known": True})
    with pytest.raises(ValidationError, match="frozen"):
        burst.amount = 2  # type: ignore[misc] # that is the point
