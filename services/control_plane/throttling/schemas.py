from datetime import datetime
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from services.control_plane.kit.schemas import WriteBody
from services.control_plane.kit.text import Description, Word
from shared.limits import Amount, Burst, Direction, Level, OnExceed, Unit, WindowSeconds

MAX_DELAY_SECONDS: Final = 31 * 24 * 3600

_LATER: Final = "is not supported yet"


class LimitBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    unit: Unit = "messages"
    amount: Amount
    window_seconds: WindowSeconds | None = 60
    direction: Direction = "publish"

    @field_validator("unit")
    @classmethod
    def _check_unit(cls, value: Unit) -> Unit:
        if value != "messages":
            raise ValueError(f"{value!r} {_LATER}: use 'messages'")
        return value

    @field_validator("direction")
    @classmethod
    def _check_direction(cls, value: Direction) -> Direction:
        if value != "publish":
            raise ValueError(f"{value!r} {_LATER}: use 'publish'")
        return value

    @model_validator(mode="after")
    def _check_window(self) -> Self:
        if (self.window_seconds is None) != (self.unit == "connections"):
            raise ValueError("window_seconds is needed, but for connections, which have no window")
        return self


class PolicyWrite(WriteBody):
    """A policy as it is put. What pods can't enforce yet is refused, so that no limit is a promise only."""

    read_only = WriteBody.read_only | {"builtin"}

    name: Word
    level: Level
    description: Description = ""
    limits: Annotated[list[LimitBody], Field(max_length=10, default_factory=list)]
    burst: Burst | None = None
    on_exceed: OnExceed = "delay"
    max_delay_seconds: Annotated[float, Field(gt=0, le=MAX_DELAY_SECONDS)] | None = None
    shadow: bool = False

    @field_validator("limits")
    @classmethod
    def _check_limits(cls, value: list[LimitBody]) -> list[LimitBody]:
        counted = {(limit.unit, limit.direction) for limit in value}
        if len(counted) < len(value):
            raise ValueError("only one limit for each unit and direction is supported yet")
        return value

    @field_validator("burst", "shadow")
    @classmethod
    def _check_later(cls, value: Any) -> Any:
        if value:
            raise ValueError(_LATER)
        return value


class PolicyRead(BaseModel):
    """A policy as it stands."""

    name: str
    level: str
    description: str
    limits: list[LimitBody]
    burst: Burst | None = None
    on_exceed: str
    max_delay_seconds: float | None
    shadow: bool = False
    builtin: bool
    created_at: datetime
    updated_at: datetime
