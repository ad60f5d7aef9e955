from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator


class WriteBody(BaseModel):
    """The body of a POST or PUT: unknown fields are refused, those that only the platform sets are left out.

    So what was read can be changed and put back as it is.
    """

    model_config = ConfigDict(extra="forbid")

    read_only: ClassVar[frozenset[str]] = frozenset({"id", "created_at", "updated_at"})

    @model_validator(mode="before")
    @classmethod
    def _leave_out_read_only(cls, data: Any) -> Any:
        return (
            {name: value for name, value in data.items() if name not in cls.read_only}
            if isinstance(data, dict)
            else data
        )
