"""A manifest as it is written for `framegate apply`: with its files beside it, or all in one."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

from cli.errors import CommandError
from cli.output import to_yaml
from services.control_plane.kit.data_urls import read_data_url
from services.control_plane.publisher.pictures import media_type_of

NAME: Final = "framegate.yaml"

_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9._-]+")
_NAME_LENGTH: Final = 80


def escape(value: Any) -> Any:
    """Return a value with `${` written so that it stands for itself."""
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, list):
        return [escape(item) for item in value]
    return {name: escape(item) for name, item in value.items()} if isinstance(value, dict) else value


def write(sections: Mapping[str, Any], folder: Path) -> None:
    """Write a manifest into a folder, with a folder below for each API's files. Raises `CommandError`."""
    files: dict[str, bytes] = {}
    apis = [_move_files(api, files) for api in sections.get("apis", ())]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise CommandError(f"{folder}: must be empty, or not be there yet")
        for name, content in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)
        text = to_yaml(escape({**sections, "apis": apis} if apis else sections))
        (folder / NAME).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{error.filename or folder}: {error.strerror}") from error


def _move_files(api: Mapping[str, Any], files: dict[str, bytes]) -> dict[str, Any]:
    """Return an API that names its files, and add these."""
    wanted = _plain(f"{api['context'].strip('/')}-{api['version']}")
    folder = _unused(wanted, {PurePosixPath(path).parts[0] for path in files})
    moved = dict(api)
    own: set[str] = set()
    for field, wanted_name, content in _files_of(api):
        name = _unused(wanted_name, own)
        own.add(name)
        path = f"{folder}/{name}"
        files[path] = content
        if isinstance(field, int):
            documents = moved["documents"] = list(moved["documents"])
            documents[field] = _name_file(documents[field], path)
        else:
            moved[field] = path
    return moved


def _files_of(api: Mapping[str, Any]) -> Iterator[tuple[str | int, str, bytes]]:
    """Yield what an API has in files: the field or the number of the document, a name, what is in it."""
    if "asyncapi" in api:
        yield "asyncapi", "asyncapi.yaml", to_yaml(api["asyncapi"]).encode()
    if "thumbnail" in api:
        content = read_data_url(api["thumbnail"])
        yield "thumbnail", f"thumbnail.{(media_type_of(content) or '').partition('/')[2]}", content
    for at, document in enumerate(api.get("documents", ())):
        if document.get("file"):
            yield at, _plain(document["file_name"]), read_data_url(document["file"])
        elif document.get("markdown"):
            yield at, f"{_plain(document['name'])}.md", document["markdown"].encode()


def _name_file(document: Mapping[str, Any], path: str) -> dict[str, Any]:
    named = {name: value for name, value in document.items() if name not in ("markdown", "file")}
    if named.get("file_name") == PurePosixPath(path).name:
        del named["file_name"]
    return {**named, "file": path}


def _plain(name: str) -> str:
    """Return a name that any file may have."""
    return _NOT_IN_NAMES.sub("-", name).strip(".-")[-_NAME_LENGTH:] or "file"


def _unused(name: str, used: set[str]) -> str:
    """Return a name, with a number before it where it is taken: case makes no difference to some."""
    taken = {known.lower() for known in used}
    number, free = 1, name
    while free.lower() in taken:
        number += 1
        free = f"{number}-{name}"
    return free
