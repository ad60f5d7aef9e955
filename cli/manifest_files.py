"""Files that a manifest names: they are read into it, and none from outside its folder."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeGuard

from cli.errors import CommandError
from services.control_plane.asyncapi.reading import MAX_BYTES as MAX_ASYNCAPI_BYTES
from services.control_plane.kit.data_urls import BEGINNING, write_data_url
from services.control_plane.kit.documents import DocumentError, read_json, read_yaml
from services.control_plane.kit.files import BINARY
from services.control_plane.publisher.document_schemas import MAX_FILE_BYTES, MAX_MARKDOWN_LENGTH
from services.control_plane.publisher.pictures import MAX_PICTURE_BYTES, media_type_of

_BYTES_OF_A_CHARACTER: Final = 4

Locate = Callable[[str], str]
"""Returns a place in the manifest with the file that it is in."""


def fill(apis: list[Any], folder: Path, locate: Locate) -> list[Any]:
    """Return APIs with what they name in files of the folder. Raises `CommandError`."""
    filled = []
    for index, api in enumerate(apis):
        filled.append(api)
        if isinstance(api, dict):
            place = f"apis.{index}"
            changes = dict(_fields(api, _Reader(folder, place, locate)))
            filled[index] = {**api, **changes}
    return filled


def read_within(folder: Path, name: str, most: int) -> bytes:
    """Return a file of at most so many bytes, from nowhere but a folder. Raises `ValueError` with what is wrong."""
    folder = folder.resolve()
    try:
        path = (folder / name).resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise ValueError("there is no such file") from error
    if Path(name).is_absolute() or not path.is_relative_to(folder):
        raise ValueError("must lie in the same folder, and be named from there")
    if not path.is_file():
        raise ValueError("must be a file")
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise ValueError(str(error.strerror)) from error
    if not 0 < len(content) <= most:
        raise ValueError(f"must be of 1 to {most} bytes")
    return content


class _Reader:
    """Reads files for fields of one entry."""

    def __init__(self, folder: Path, place: str, locate: Locate) -> None:
        self._folder = folder
        self._place = place
        self._locate = locate

    def read(self, field: str, name: str, most: int) -> bytes:
        """Return a file of at most so many bytes. Raises `CommandError`."""
        try:
            return read_within(self._folder, name, most)
        except ValueError as error:
            raise self.refuse(field, f"{name}: {error}") from error

    def refuse(self, field: str, message: str) -> CommandError:
        return CommandError(f"{self._locate(f'{self._place}.{field}')}: {message}")


def _fields(api: Mapping[str, Any], reader: _Reader) -> Iterator[tuple[str, Any]]:
    """Yield the fields that name files, with what these hold."""
    if isinstance(name := api.get("asyncapi"), str):
        yield "asyncapi", _read_asyncapi(name, reader)
    if _is_path(name := api.get("thumbnail")):
        content = reader.read("thumbnail", name, MAX_PICTURE_BYTES)
        if (media_type := media_type_of(content)) is None:
            raise reader.refuse("thumbnail", f"{name}: must be a picture: PNG, JPEG or WebP")
        yield "thumbnail", write_data_url(content, media_type)
    if isinstance(documents := api.get("documents"), list):
        yield (
            "documents",
            [_fill_document(document, f"documents.{at}", reader) for at, document in enumerate(documents)],
        )


def _is_path(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and not value.startswith(BEGINNING)


def _read_asyncapi(name: str, reader: _Reader) -> Any:
    content = reader.read("asyncapi", name, MAX_ASYNCAPI_BYTES)
    try:
        document = (read_json if name.endswith(".json") else read_yaml)(content, MAX_ASYNCAPI_BYTES)
    except DocumentError as error:
        place = f"{error.place}: " if error.place else ""
        raise reader.refuse("asyncapi", f"{name}: {place}{error}") from error
    if not isinstance(document, dict):
        raise reader.refuse("asyncapi", f"{name}: must be an object")
    return document


def _fill_document(document: Any, place: str, reader: _Reader) -> Any:
    """Return a document with its file: as a text where it is one in Markdown."""
    if not isinstance(document, dict) or not _is_path(name := document.get("file")):
        return document
    field = f"{place}.file"
    if document.get("source", "markdown") == "file":
        content = reader.read(field, name, MAX_FILE_BYTES)
        return {"file_name": Path(name).name, **document, "file": write_data_url(content, BINARY)}
    if "markdown" in document:
        raise reader.refuse(field, "goes without markdown: the text stands in one of them")
    content = reader.read(field, name, MAX_MARKDOWN_LENGTH * _BYTES_OF_A_CHARACTER)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise reader.refuse(field, f"{name}: must be UTF-8, or the document's source be 'file'") from error
    return {key: value for key, value in document.items() if key != "file"} | {"markdown": text}
