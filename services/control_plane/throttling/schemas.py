from datetime import datetime
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from services.control_plane.kit.schemas import WriteBody
from services.control_plane.kit.text import Description, Id, Word
from shared.limits import Amount, Burst, Direction, Level, OnExceed, Unit, WindowSeconds

MAX_DELAY_SECONDS: Final = 31 * 24 * 3600

_STRICT: Final = ConfigDict(extra="forbid")


class LimitBody(BaseModel):
    """One limit. Connections have no window; neither they nor handshakes have a direction: `both` stands for that."""

    model_config = _STRICT

    unit: Unit = "messages"
    amount: Amount
    window_seconds: WindowSeconds | None = 60
    direction: Direction = "publish"

    @field_validator("window_seconds")
    @classmethod
    def _check_window(cls, value: int | None, info: ValidationInfo) -> int | None:
        unit = info.data.get("unit")
        if unit == "connections" and value is not None:
            raise ValueError("connections are counted while they are open, in no window: leave it out")
        if unit != "connections" and value is None:
            raise ValueError("only connections have no window")
        return value

    @model_validator(mode="after")
    def _leave_out(self) -> Self:
        if self.unit == "connections":
            self.window_seconds = None
        if self.unit in ("connections", "handshakes"):
            self.direction = "both"
        return self


def _refuse_alike(limits: list[LimitBody]) -> list[LimitBody]:
    seen: dict[object, int] = {}
    for index, limit in enumerate(limits):
        first = seen.setdefault((limit.unit, limit.direction, limit.window_seconds), index)
        if first != index:
            raise ValueError(f"{first} and {index} are alike in unit, direction and window: keep the smaller")
    return limits


Limits = Annotated[list[LimitBody], Field(max_length=10, default_factory=list), AfterValidator(_refuse_alike)]


class BurstBody(Burst):
    model_config = _STRICT


class OverrideBody(BaseModel):
    """What holds in place of the policy's limits and burst for an API, an application, or one of them on the other."""

    model_config = _STRICT

    api_id: Id | None = None
    application_id: Id | None = None
    limits: Limits
    burst: BurstBody | None = None

    @model_validator(mode="after")
    def _check_subject(self) -> Self:
        if self.api_id is None and self.application_id is None:
            raise ValueError("needs an api_id, an application_id, or both")
        return self


class PolicyBody(WriteBody):
    """What a policy says wherever it is put. No limits and no burst means unlimited."""

    read_only = WriteBody.read_only | {"builtin"}

    name: Word
    level: Level
    description: Description = ""
    limits: Limits
    burst: BurstBody | None = None
    on_exceed: OnExceed = "delay"
    max_delay_seconds: Annotated[float, Field(gt=0, le=MAX_DELAY_SECONDS)] | None = None
    shadow: bool = False


class PolicyWrite(PolicyBody):
    """A policy as it is put, with what holds for single APIs and applications here."""

    overrides: Annotated[list[OverrideBody], Field(max_length=100, default_factory=list)]

    @field_validator("overrides")
    @classmethod
    def _check_overrides(cls, value: list[OverrideBody]) -> list[OverrideBody]:
        seen: dict[object, int] = {}
        for index, override in enumerate(value):
            first = seen.setdefault((override.api_id, override.application_id), index)
            if first != index:
                raise ValueError(f"{first} and {index} are for the same API and application")
        return value


class PolicyRead(PolicyWrite):
    """A policy as it stands."""

    read_only = frozenset()

    builtin: bool
    created_at: datetime
    updated_at: datetime
