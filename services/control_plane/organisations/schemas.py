from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, StringConstraints

from services.control_plane.kit.schemas import WriteBody
from services.control_plane.kit.text import Description

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=40)]


class OrganisationWrite(WriteBody):
    """What can be changed of an organisation."""

    read_only = WriteBody.read_only | {"name"}

    description: Description = ""


class OrganisationCreate(OrganisationWrite):
    """`name` stands in the contexts of its APIs: `/t/name/...`."""

    read_only = OrganisationWrite.read_only - {"name"}

    name: Slug


class OrganisationRead(BaseModel):
    name: str
    description: str
    created_at: datetime
    updated_at: datetime
