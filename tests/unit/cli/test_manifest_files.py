"""What a manifest names is read from its folder, and from nowhere else."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli import manifest
from cli.errors import CommandError
from services.control_plane.kit.data_urls import write_data_url

PNG = b"\x89PNG\r\n\x1a\n and the rest"
CHAT: dict[str, Any] = {"asyncapi": "3.0.0", "info": {"title": "Chat", "version": "1.0"}}
API: dict[str, Any] = {"name": "Chat", "context": "/chat", "version": "1.0"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "apis"
    (folder / "docs").mkdir(parents=True)
    (folder / "chat.asyncapi.yaml").write_text(yaml.safe_dump(CHAT))
    (folder / "docs/chat.json").write_text(json.dumps(CHAT))
    (folder / "docs/guide.md").write_text("# Begin with ${this}")
    (folder / "docs/guide.pdf").write_bytes(b"%PDF \xff")
    (folder / "picture.png").write_bytes(PNG)
    (tmp_path / "secret.txt").write_text("of somebody else")
    return folder


def load(folder: Path, **fields: Any) -> dict[str, Any]:
    (folder / "chat.yaml").write_text(yaml.safe_dump({"apis": [{**API, **fields}]}))
    found = manifest.load(folder, None, {})
    found.check()
    api: dict[str, Any] = found.sections["apis"][0]
    return api


def refused(folder: Path, **fields: Any) -> str:
    with pytest.raises(CommandError) as caught:
        load(folder, **fields)
    return str(caught.value)


def test_files_stand_for_what_they_hold(folder: Path) -> None:
    documents = [
        {"name": "Guide", "file": "docs/guide.md"},
        {"name": "Pages", "source": "file", "file": "./docs/guide.pdf"},
        {"name": "Named", "source": "file", "file": "docs/guide.pdf", "file_name": "chat.pdf"},
        {"name": "Forum", "source": "url", "url": "https://forum.example.com"},
    ]
    pages = write_data_url(b"%PDF \xff", "application/octet-stream")
    api = load(folder, asyncapi="./chat.asyncapi.yaml", thumbnail="picture.png", documents=documents)
    assert api == {
        **API,
        "asyncapi": CHAT,
        "thumbnail": write_data_url(PNG, "image/png"),
        "documents": [
            {"name": "Guide", "markdown": "# Begin with ${this}"},
            {"name": "Pages", "source": "file", "file": pages, "file_name": "guide.pdf"},
            {"name": "Named", "source": "file", "file": pages, "file_name": "chat.pdf"},
            documents[3],
        ],
    }
    assert load(folder, asyncapi="docs/chat.json")["asyncapi"] == CHAT
    written = {**api, "documents": api["documents"][1:]}
    assert load(folder, **written) == written, "what is written out is taken as it is"


def test_a_manifest_that_is_one_file_has_its_folder(folder: Path) -> None:
    load(folder, thumbnail="picture.png")
    (api,) = manifest.load(folder / "chat.yaml", None, {}).sections["apis"]
    assert api["thumbnail"].startswith("data:image/png")


@pytest.mark.parametrize(
    "name", ["../secret.txt", "docs/../../secret.txt", "link", "docs/out/secret.txt", "{absolute}"]
)
@pytest.mark.parametrize("field", ["asyncapi", "thumbnail", "documents.0.file"])
def test_nothing_is_read_from_outside_the_folder(folder: Path, name: str, field: str) -> None:
    (folder / "link").symlink_to("../secret.txt")
    (folder / "docs/out").symlink_to(folder.parent, target_is_directory=True)
    name = name.format(absolute=folder / "picture.png")
    fields: dict[str, Any] = {field: name} if "." not in field else {"documents": [{"name": "A", "file": name}]}
    said = refused(folder, **fields)
    assert said == f"chat.yaml: apis.0.{field}: {name}: must lie in the same folder, and be named from there"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"thumbnail": "none.png"}, "thumbnail: none.png: there is no such file"),
        ({"thumbnail": "a\0b"}, "there is no such file"),
        ({"thumbnail": "docs"}, "thumbnail: docs: must be a file"),
        ({"thumbnail": "pipe"}, "thumbnail: pipe: must be a file"),
        ({"thumbnail": "loop"}, "thumbnail: loop: there is no such file"),
        ({"thumbnail": "long"}, "thumbnail: long: must be of 1 to 65536 bytes"),
        ({"thumbnail": "docs/guide.md"}, "thumbnail: docs/guide.md: must be a picture"),
        ({"asyncapi": "long"}, "asyncapi: long: must be of 1 to 524288 bytes"),
        ({"asyncapi": "docs/guide.pdf"}, "asyncapi: docs/guide.pdf: must be UTF-8"),
        ({"asyncapi": "docs/guide.md"}, "asyncapi: docs/guide.md: must be an object"),
        ({"asyncapi": {"asyncapi": "9"}}, "chat.yaml: apis.0.asyncapi/asyncapi: must be one of 2.0.0"),
        ({"documents": [{"name": "A", "source": "file", "file": "long"}]}, "documents.0.file: long: must be of 1 to"),
        ({"documents": [{"name": "A", "file": "docs/guide.pdf"}]}, "must be UTF-8, or the document's source be 'file'"),
        ({"documents": [{"name": "A", "file": "docs/guide.md", "markdown": "b"}]}, "goes without markdown"),
    ],
)
def test_what_can_not_be_taken_is_named_by_its_field(folder: Path, fields: dict[str, Any], said: str) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to("loop")
    (folder / "long").write_bytes(PNG + b"x" * (1 << 20))
    assert said in refused(folder, **fields)


def test_the_schema_knows_that_a_document_may_be_a_path() -> None:
    known = manifest.make_schema()["$defs"]["ApiEntry"]["properties"]
    assert [kind["type"] for kind in known["asyncapi"]["anyOf"]] == ["object", "null", "string"]
    assert known["thumbnail"]
