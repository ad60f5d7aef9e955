from datetime import UTC, datetime

from services.control_plane.throttling.models import ThrottlingPolicy
from services.control_plane.throttling.projection import define_policy, read_policy, write_of
from shared.limits import Burst, Limit, Override

NOW = datetime(2030, 1, 1, tzinfo=UTC)
LIMITS = (
    Limit(amount=5, window_seconds=10),
    Limit(unit="connections", amount=2, window_seconds=None, direction="both"),
)
ROW = ThrottlingPolicy(
    id="subscription/Gold",
    level="subscription",
    name="Gold",
    description="for people",
    limits=LIMITS,
    burst=Burst(amount=3, window_seconds=1),
    on_exceed="close",
    max_delay_seconds=1.5,
    shadow=True,
    overrides=(Override(api_id="a", limits=(Limit(unit="bytes", amount=9),)),),
    builtin=True,
    created_at=NOW,
    updated_at=NOW,
)


def test_pods_are_told_what_to_enforce() -> None:
    policy = define_policy(ROW)
    assert policy.id == "subscription/Gold"
    assert (policy.limits, policy.burst, policy.shadow) == (LIMITS, Burst(amount=3, window_seconds=1), True)
    assert (policy.on_exceed, policy.max_delay_seconds) == ("close", 1.5)
    assert policy.overrides == ROW.overrides
    assert "description" not in policy.model_dump()


def test_a_reading_can_be_written_back() -> None:
    read, write = read_policy(ROW), write_of(ROW)
    assert read.builtin
    assert read.model_dump(include=set(type(write).model_fields)) == write.model_dump()
