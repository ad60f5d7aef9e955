from datetime import datetime

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlmodel import Field

from services.control_plane.kit.columns import AsJson, Versioned
from shared.limits import Burst, Limit, Override


class ThrottlingPolicy(Versioned, table=True):
    """A policy. `id` is its level and name, as `shared.limits.policy_id` writes them: others refer to that."""

    __tablename__ = "policy"
    __table_args__ = (
        UniqueConstraint("level", "name"),
        CheckConstraint("level IN ('subscription', 'application', 'api')", name="level"),
        CheckConstraint("on_exceed IN ('delay', 'drop', 'close')", name="on_exceed"),
    )

    id: str = Field(primary_key=True)
    level: str
    name: str
    description: str = ""
    limits: tuple[Limit, ...] = Field(default=(), sa_type=AsJson(tuple[Limit, ...]))
    burst: Burst | None = Field(default=None, sa_type=AsJson(Burst))
    on_exceed: str = "delay"
    max_delay_seconds: float | None = None
    shadow: bool = False
    overrides: tuple[Override, ...] = Field(default=(), sa_type=AsJson(tuple[Override, ...]))
    builtin: bool = False
    created_at: datetime
    updated_at: datetime
