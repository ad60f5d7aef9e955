"""Forms of ours that bring a file."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Request
from starlette.datastructures import UploadFile

from services.control_plane.kit.problems import ForbiddenError
from services.control_plane.portal.access import SomeVisitor
from services.control_plane.portal.fields import Fields
from services.control_plane.portal.forms import FORM_TOKEN, check_form, is_own

_FILE: Final = "file"
_MAX_FIELDS: Final = 20


@dataclass(frozen=True, slots=True)
class Upload:
    """What a form brings. Where no file was chosen its name is empty."""

    fields: Fields
    name: str
    content: bytes


async def _read_upload(request: Request, visitor: SomeVisitor) -> Upload:
    """Return what a form of this very session brings. Raises `ForbiddenError`."""
    if not is_own(request.headers):
        raise ForbiddenError("The form comes from another site.")
    async with request.form(max_files=1, max_fields=_MAX_FIELDS) as form:
        fields = Fields([(name, value) for name, value in form.multi_items() if isinstance(value, str)])
        check_form(visitor, {FORM_TOKEN: fields.text(FORM_TOKEN)})
        file = form.get(_FILE)
        if not isinstance(file, UploadFile):
            return Upload(fields, "", b"")
        return Upload(fields, file.filename or "", await file.read())


Uploaded = Annotated[Upload, Depends(_read_upload)]
