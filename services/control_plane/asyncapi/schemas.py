from pydantic import BaseModel

from services.control_plane.asyncapi.schema_comparing import Kind


class ChangeRead(BaseModel):
    """One change: in the older document by its place where something was removed, else in the newer."""

    kind: Kind
    breaking: bool
    path: str


class DiffRead(BaseModel):
    """What changed since another API's document, and whether any of it breaks clients."""

    against: str
    breaking: bool
    changes: list[ChangeRead]
