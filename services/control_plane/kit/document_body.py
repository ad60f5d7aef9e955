"""Bodies that are JSON or YAML (RFC 9512). They are read by the handler, once it is known who sent them."""

from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError

from services.control_plane.kit.documents import DocumentError, UnreadableError, read_json, read_yaml
from services.control_plane.kit.problems import InvalidError, MalformedRequestError, field_errors

M = TypeVar("M", bound=BaseModel)

MOST_ERRORS: Final = 100
"""So many faults are told: an answer is not many times as long as what it answers."""

JSON: Final = "application/json"
YAML: Final = "application/yaml"

_READERS: Final = {
    JSON: read_json,
    YAML: read_yaml,
    "application/x-yaml": read_yaml,
    "text/yaml": read_yaml,
    "text/x-yaml": read_yaml,
}


@dataclass(frozen=True, slots=True)
class Document:
    content: bytes
    media_type: str

    def read(self) -> Any:
        """Return what the document holds. Raises `MalformedRequestError` and `InvalidError`."""
        reader = _READERS.get(self.media_type.partition(";")[0].strip().lower())
        if reader is None:
            raise InvalidError.of("Content-Type", f"must be {JSON} or {YAML}")
        try:
            return reader(self.content)
        except UnreadableError as error:
            raise MalformedRequestError(f"The body is {error}.") from error
        except DocumentError as error:
            raise InvalidError.of(error.place or "body", str(error)) from error

    def read_as(self, model: type[M]) -> M:
        """Return the document as a model. Raises as `read` does."""
        try:
            return model.model_validate(self.read())
        except ValidationError as error:
            raise InvalidError(errors=field_errors(error)[:MOST_ERRORS]) from error


def describe(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the `openapi_extra` of a route that takes documents of this schema."""
    return {"requestBody": {"required": True, "content": {kind: {"schema": schema} for kind in (JSON, YAML)}}}


async def _document(request: Request) -> Document:
    return Document(await request.body(), request.headers.get("content-type", ""))


DocumentBody = Annotated[Document, Depends(_document)]
