"""Documents in the bodies of requests: JSON, YAML, or a file of a form."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from starlette.datastructures import UploadFile

from services.control_plane.asyncapi.reading import Document, Form, read_document
from services.control_plane.kit.problems import InvalidError

_FILE: Final = "file"
_FORM: Final = "multipart/form-data"
_JSON: Final = "application/json"
_YAML: Final = "application/yaml"  # RFC 9512
_OLD_YAML: Final = frozenset({"application/x-yaml", "text/yaml", "text/x-yaml"})

# What FastAPI can't tell of a body that it does not read itself.
REQUEST_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            _JSON: {"schema": {"type": "object"}},
            _YAML: {"schema": {"type": "string"}},
            _FORM: {
                "schema": {
                    "type": "object",
                    "required": [_FILE],
                    "properties": {_FILE: {"type": "string", "format": "binary"}},
                }
            },
        },
    }
}


@dataclass(frozen=True, slots=True)
class Upload:
    """A document as it came: reading it takes a while, and so is left to the thread of the route."""

    data: bytes
    form: Form | None

    def read(self) -> Document:
        """Return the document. Raises `InvalidError`."""
        return read_document(self.data, self.form)


async def _receive(request: Request) -> Upload:
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media == _FORM:
        async with request.form(max_files=1, max_fields=1) as form:
            file = form.get(_FILE)
            if not isinstance(file, UploadFile):
                raise InvalidError.of(_FILE, "must be a file of the form")
            return Upload(await file.read(), None)
    return Upload(await request.body(), _form_of(media))


def _form_of(media: str) -> Form:
    if media == _JSON or media.endswith("+json"):
        return "json"
    if media == _YAML or media in _OLD_YAML or media.endswith("+yaml"):
        return "yaml"
    raise InvalidError.of("Content-Type", f"must be {_JSON}, {_YAML} or {_FORM}")


Uploaded = Annotated[Upload, Depends(_receive)]
