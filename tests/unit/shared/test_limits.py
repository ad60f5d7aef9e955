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


def policy(**fields: Any) -> Policy:
    return Policy.model_validate({"name": "Gold", "level": "subscription", **fields})


def test_every_limit_of_a_policy_has_a_counter_of_its_own() -> None:
    limits = [
        {"amount": 5, "window_seconds": 1},
        {"amount": 5000, "window_seconds": 3600},
        {"amount": 5, "direction": "both"},
        {"amount": 5, "unit": "bytes"},
        {"amount": 5, "unit": "handshakes"},
        {"amount": 5, "unit": "connections", "window_seconds": None},
    ]
    rules = policy(limits=limits, burst={"amount": 10, "window_seconds": 1}).rules("api", "app")
    assert {rule.counter: (rule.amount, rule.window_seconds, rule.rolling) for rule in rules} == {
        "messages:publish:0": (5000, 3600, False),
        "messages:publish:1": (5, 1, False),
        "messages:both:0": (5, 60, False),
        "bytes:publish:0": (5, 60, False),
        "handshakes:0": (5, 60, False),
        "connections:0": (5, 0, False),
        "burst": (10, 1, True),
    }


def test_what_was_spent_counts_under_a_changed_policy() -> None:
    before, after = (policy(limits=[{"amount": n, "window_seconds": n}]).rules("api", None)[0] for n in (60, 30))
    assert before.counter == after.counter


@pytest.mark.parametrize(
    ("api", "application", "amount"),
    [("a", "x", 4), ("a", "y", 2), ("b", "x", 3), ("b", "y", 1), ("a", None, 2), ("b", None, 1)],
)
def test_the_closest_override_holds(api: str, application: str | None, amount: int) -> None:
    gold = policy(
        limits=[{"amount": 1}],
        overrides=[
            {"api_id": "a", "limits": [{"amount": 2}]},
            {"application_id": "x", "limits": [{"amount": 3}]},
            {"api_id": "a", "application_id": "x", "limits": [{"amount": 4}]},
        ],
    )
    assert [rule.amount for rule in gold.rules(api, application)] == [amount]


def test_an_override_tells_apart_only_what_its_level_counts_apart() -> None:
    overrides = [{"api_id": "a", "limits": [{"amount": 2}]}, {"application_id": "x", "limits": [{"amount": 3}]}]
    by_level = {
        level: [
            policy(level=level, limits=[{"amount": 1}], overrides=overrides).rules(api, application)[0].amount
            for api, application in (("a", "y"), ("b", "x"), ("a", "x"))
        ]
        for level in ("subscription", "application", "api")
    }
    assert by_level == {"subscription": [2, 3, 3], "application": [1, 3, 3], "api": [2, 1, 2]}
