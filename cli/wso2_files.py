"""What lies beside the description of an API in an `apictl` project: its AsyncAPI document, documents and picture."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cli.manifest_files import read_within
from cli.wso2 import Conversion
from services.control_plane.asyncapi.reading import MAX_BYTES as MAX_ASYNCAPI_BYTES
from services.control_plane.asyncapi.reading import read_document
from services.control_plane.kit.data_urls import write_data_url
from services.control_plane.kit.documents import DocumentError, read_yaml
from services.control_plane.kit.files import BINARY
from services.control_plane.kit.problems import InvalidError
from services.control_plane.publisher.document_schemas import MAX_FILE_BYTES
from services.control_plane.publisher.pictures import MAX_PICTURE_BYTES, media_type_of

_DEFINITIONS: Final = ("Definitions/asyncapi.yaml", "Definitions/asyncapi.json", "Definitions/asyncapi.yml")
_DESCRIPTIONS: Final = ("document.yaml", "document.json")
_DESCRIPTION_BYTES: Final = 64 * 1024
_OLDER: Final = "Docs/docs.json"
_TYPES: Final = {"PUBLIC_FORUM": "FORUM", "SUPPORT_FORUM": "SUPPORT", "HOWTO": "HOWTO", "SAMPLES": "SAMPLES"}


def take(found: Conversion, project: Path) -> None:
    """Take all that has a place in a manifest. Whether it is good is seen with the rest."""
    _take_definition(found, project)
    _take_documents(found, project)
    _take_picture(found, project)


def _take_definition(found: Conversion, project: Path) -> None:
    for name in _DEFINITIONS:
        if not (project / name).exists():
            continue
        try:
            found.take(name, "asyncapi", read_document(read_within(project, name, MAX_ASYNCAPI_BYTES)))
        except InvalidError as error:
            found.leave(name, "; ".join(f"{item['field']} {item['message']}" for item in error.members["errors"]))
        except ValueError as error:
            found.leave(name, str(error))
        return


def _take_documents(found: Conversion, project: Path) -> None:
    if (project / _OLDER).exists():
        found.leave(_OLDER, "documents are read as apictl writes them since WSO2 4.0: export the API with a newer one")
    taken = []
    for description in sorted(path for name in _DESCRIPTIONS for path in project.glob(f"Docs/*/{name}")):
        place = description.parent.relative_to(project).as_posix()
        try:
            document = _describe(read_within(project, f"{place}/{description.name}", _DESCRIPTION_BYTES))
            taken.append(_convert(document, project, place))
        except ValueError as error:
            found.leave(place, str(error))
            continue
        if document.get("sourceType") == "INLINE":
            found.leave(place, "was written in HTML: see that it reads well as Markdown")
    found.take("Docs", "documents", taken)


def _describe(content: bytes) -> Mapping[str, Any]:
    """Return how WSO2 describes a document. Raises `DocumentError`."""
    described = read_yaml(content)
    data = described.get("data") if isinstance(described, dict) else None
    if not isinstance(data, dict):
        raise DocumentError("does not describe a document")
    return data


def _convert(described: Mapping[str, Any], project: Path, place: str) -> dict[str, Any]:
    """Return a document of a manifest. Raises `ValueError` where its content is not there."""
    name, source = str(described.get("name", "")), str(described.get("sourceType", ""))
    document: dict[str, Any] = {
        "name": name,
        "type": _TYPES.get(str(described.get("type")), "OTHER"),
        "summary": str(described.get("summary") or ""),
        "visibility": "api" if described.get("visibility") in (None, "API_LEVEL") else "private",
    }
    if source == "URL":
        return document | {"source": "url", "url": str(described.get("sourceUrl", ""))}
    if source == "FILE":
        file_name = str(described.get("fileName", ""))
        content = read_within(project, f"{place}/{file_name}", MAX_FILE_BYTES)
        return document | {"source": "file", "file": write_data_url(content, BINARY), "file_name": file_name}
    # What is written in WSO2 itself lies in a file that is named as the document.
    try:
        return document | {"markdown": read_within(project, f"{place}/{name}", MAX_FILE_BYTES).decode("utf-8-sig")}
    except UnicodeDecodeError as error:
        raise ValueError(f"{name}: must be UTF-8") from error


def _take_picture(found: Conversion, project: Path) -> None:
    for path in sorted(project.glob("Image/icon.*")):
        name = path.relative_to(project).as_posix()
        try:
            content = read_within(project, name, MAX_PICTURE_BYTES)
        except ValueError as error:
            found.leave(name, str(error))
            continue
        if (media_type := media_type_of(content)) is None:
            found.leave(name, "must be a picture: PNG, JPEG or WebP")
        else:
            found.take(name, "thumbnail", write_data_url(content, media_type))
