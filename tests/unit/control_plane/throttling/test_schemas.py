from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from services.control_plane.throttling.builtin import builtin_policies
from services.control_plane.throttling.schemas import PolicyWrite

POLICY: dict[str, Any] = {"name": "Mine", "level": "subscription"}
DAY = 24 * 3600


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"limits": [{"unit": "frames", "amount": 1}]}, "limits.0.unit"),
        ({"limits": [{"unit": "connections", "amount": 1, "window_seconds": 60}]}, "limits.0.window_seconds"),
        ({"limits": [{"amount": 1, "direction": "up"}]}, "limits.0.direction"),
        ({"limits": [{"amount": 0}]}, "limits.0.amount"),
        ({"limits": [{"amount": 1, "window_seconds": None}]}, "limits.0.window_seconds"),
        ({"limits": [{"amount": 1, "window_seconds": 0}]}, "limits.0.window_seconds"),
        ({"limits": [{"amount": 1}, {"amount": 2}]}, "limits"),
        ({"limits": [{"unit": "connections", "amount": 1}, {"unit": "connections", "amount": 2}]}, "limits"),
        ({"limits": [{"amount": 1, "window_seconds": n} for n in range(1, 12)]}, "limits"),
        ({"burst": {"amount": 1}}, "burst.window_seconds"),
        ({"burst": {"amount": 1, "window_seconds": 1, "direction": "both"}}, "burst.direction"),
        ({"shadow": "perhaps"}, "shadow"),
        ({"on_exceed": "explode"}, "on_exceed"),
        ({"max_delay_seconds": 0}, "max_delay_seconds"),
        ({"name": "a/b"}, "name"),
        ({"level": "global"}, "level"),
        ({"limit": []}, "limit"),
        ({"overrides": [{"limits": [{"amount": 1}]}]}, "overrides.0"),
        ({"overrides": [{"api_id": "a b"}]}, "overrides.0.api_id"),
        ({"overrides": [{"api_id": "a", "limits": [{"amount": 1}, {"amount": 2}]}]}, "overrides.0.limits"),
        ({"overrides": [{"api_id": "a", "on_exceed": "drop"}]}, "overrides.0.on_exceed"),
        ({"overrides": [{"api_id": "a"}, {"api_id": "a", "application_id": None}]}, "overrides"),
        ({"overrides": [{"api_id": str(n)} for n in range(101)]}, "overrides"),
    ],
)
def test_what_can_not_be_kept_is_refused_by_its_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        PolicyWrite.model_validate({**POLICY, **changes})
    assert [".".join(map(str, error["loc"])) for error in caught.value.errors()] == [field]


@pytest.mark.parametrize("on_exceed", ["delay", "drop", "close"])
def test_each_way_to_exceed_is_accepted(on_exceed: str) -> None:
    body = {**POLICY, "limits": [{"amount": 5}], "on_exceed": on_exceed, "max_delay_seconds": 1.5, "burst": None}
    assert PolicyWrite.model_validate(body).limits[0].window_seconds == 60


def test_limits_of_one_kind_may_have_several_windows() -> None:
    limits = [{"amount": 10, "window_seconds": 1}, {"amount": 100}, {"amount": 100, "direction": "both"}]
    assert len(PolicyWrite.model_validate({**POLICY, "limits": limits}).limits) == 3


@pytest.mark.parametrize(
    ("unit", "window_seconds"),
    [("connections", None), ("handshakes", 60)],
)
@pytest.mark.parametrize("given", [{}, {"direction": "publish"}, {"direction": "both"}])
def test_what_has_no_direction_counts_in_both(unit: str, window_seconds: int | None, given: dict[str, Any]) -> None:
    body = {**POLICY, "limits": [{"unit": unit, "amount": 5, **given}]}
    (limit,) = PolicyWrite.model_validate(body).limits
    assert (limit.window_seconds, limit.direction) == (window_seconds, "both")
    assert PolicyWrite.model_validate({**POLICY, "limits": [limit.model_dump()]}).limits == [limit]


def test_each_pair_may_be_overridden_once() -> None:
    pairs: Sequence[dict[str, Any]] = [
        {"api_id": "a"},
        {"application_id": "a"},
        {"api_id": "a", "application_id": "a"},
    ]
    assert len(PolicyWrite.model_validate({**POLICY, "overrides": pairs}).overrides) == 3


def test_the_built_in_policies_are_the_documented_ones() -> None:
    limits = {
        (level, name): [(limit.amount, limit.window_seconds, limit.direction) for limit in limits]
        for level, name, limits in builtin_policies()
    }
    assert limits == {
        ("subscription", "Gold"): [(5000, 60, "publish")],
        ("subscription", "Silver"): [(2000, 60, "publish")],
        ("subscription", "Bronze"): [(1000, 60, "publish")],
        ("subscription", "Unauthenticated"): [(500, 60, "publish")],
        ("subscription", "Unlimited"): [],
        ("subscription", "AsyncGold"): [(50_000, DAY, "both")],
        ("subscription", "AsyncSilver"): [(25_000, DAY, "both")],
        ("subscription", "AsyncBronze"): [(5000, DAY, "both")],
        ("subscription", "AsyncUnlimited"): [],
        ("application", "50PerMin"): [(50, 60, "publish")],
        ("application", "20PerMin"): [(20, 60, "publish")],
        ("application", "10PerMin"): [(10, 60, "publish")],
        ("application", "Unlimited"): [],
        ("api", "50KPerMin"): [(50_000, 60, "publish")],
        ("api", "20KPerMin"): [(20_000, 60, "publish")],
        ("api", "10KPerMin"): [(10_000, 60, "publish")],
        ("api", "Unlimited"): [],
    }
