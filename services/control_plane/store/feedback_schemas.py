from datetime import datetime
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from services.control_plane.kit.text import refuse_invisible

MAX_COMMENT_LENGTH: Final = 2000

_STRICT: Final = ConfigDict(extra="forbid")


class RatingRead(BaseModel):
    """What people think of an API on average: nothing where nobody has rated it."""

    average: float | None = None
    count: int = 0


class RatingWrite(BaseModel):
    model_config = _STRICT

    stars: Annotated[int, Field(ge=1, le=5)]


class OwnRating(BaseModel):
    stars: int
    rated_at: datetime


class CommentWrite(BaseModel):
    """A comment is plain text."""

    model_config = _STRICT

    text: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_COMMENT_LENGTH),
        AfterValidator(refuse_invisible),
    ]


class CommentRead(BaseModel):
    """A comment. Strangers are not told who wrote it."""

    id: str
    author: str | None
    own: bool
    text: str
    created_at: datetime
