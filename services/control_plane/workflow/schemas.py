from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from services.control_plane.kit.approvals import Kind
from services.control_plane.kit.text import refuse_invisible
from services.control_plane.workflow.choices import ApprovalState

Comment = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000), AfterValidator(refuse_invisible)]


class Decision(BaseModel):
    """What is said with a decision: who asked reads it."""

    model_config = ConfigDict(extra="forbid")

    comment: Comment = ""


class ApprovalRead(BaseModel):
    """A question to the administrators. `wanted` is a policy, or a step of an API's life."""

    id: str
    kind: Kind
    target_id: str
    title: str
    wanted: str
    state: ApprovalState
    asked_by: str
    asked_by_name: str | None
    asked_at: datetime
    decided_by: str | None
    decided_by_name: str | None
    decided_at: datetime | None
    comment: str


class NoticeItem(BaseModel):
    """What happened to an API that one has subscribed to, or to a newer version of it."""

    id: int
    kind: Literal["deprecated", "retired", "blocked", "unblocked", "new_version"]
    api_id: str
    name: str
    context: str
    version: str
    at: datetime
    read: bool


class NoticesReadBody(BaseModel):
    """Notices that were read, by their ids."""

    model_config = ConfigDict(extra="forbid")

    ids: Annotated[list[Annotated[int, Field(ge=1, le=2**31 - 1)]], Field(min_length=1, max_length=100)]
