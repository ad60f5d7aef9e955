import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli import manifest, wso2_files
from cli.wso2 import Conversion
from tests.support.command import framegate
from tests.unit.cli.test_wso2 import API

PICTURE = b"\x89PNG\r\n\x1a\n"
PAPER = b"\x00pdf"


def document(folder: Path, content: bytes | None, **data: Any) -> None:
    """Write a document as apictl does; its content lies beside its description."""
    folder.mkdir(parents=True)
    (folder / "document.yaml").write_text(yaml.safe_dump({"type": "document", "version": "v4.1.0", "data": data}))
    if content is not None:
        (folder / str(data.get("fileName", data.get("name")))).write_bytes(content)


def take(project: Path) -> Conversion:
    found = Conversion()
    wso2_files.take(found, project)
    return found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"asyncapi": "2.0.0", "info": {"title": "Chat", "version": "1"}, "channels": {}}', "mapped      Def"),
        ("asyncapi: 2.0.0", "not mapped  apis.0.asyncapi"),
        ("a: b: c", "not mapped  Definitions/asyncapi.yaml: document not YAML"),
    ],
)
def test_its_definition_goes_with_it(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "api.yaml").write_text(yaml.safe_dump({"data": {**API, "description": "costs ${nothing}"}}))
    (tmp_path / "Definitions").mkdir()
    (tmp_path / "Definitions/asyncapi.yaml").write_text(text)
    ran = framegate("import-wso2", str(tmp_path))
    assert said in ran.err
    (api,) = yaml.safe_load(ran.out)["apis"]
    assert ("asyncapi" in api) == ("b: c" not in text)
    assert api["description"] == "costs $${nothing}"


def test_documents_and_the_picture_go_with_it(tmp_path: Path) -> None:
    how: dict[str, Any] = {"name": "How to", "type": "HOWTO", "summary": "first", "visibility": "API_LEVEL"}
    document(tmp_path / "Docs/How_to", b"# How", sourceType="MARKDOWN", **how)
    document(tmp_path / "Docs/Notes", b"<p>n</p>", name="Notes", sourceType="INLINE", visibility="OWNER_ONLY")
    document(tmp_path / "Docs/Paper", PAPER, name="Paper", type="SAMPLES", sourceType="FILE", fileName="a.pdf")
    link = "https://a.example/forum"
    document(tmp_path / "Docs/Talk", None, name="Talk", type="PUBLIC_FORUM", sourceType="URL", sourceUrl=link)
    (tmp_path / "Image").mkdir()
    (tmp_path / "Image/icon.png").write_bytes(PICTURE)
    found = take(tmp_path)
    file = f"data:application/octet-stream;base64,{base64.b64encode(PAPER).decode()}"
    empty = {"summary": "", "visibility": "api"}
    assert found.api == {
        "documents": [
            {"name": "How to", "type": "HOWTO", "summary": "first", "visibility": "api", "markdown": "# How"},
            {"name": "Notes", "type": "OTHER", **empty, "visibility": "private", "markdown": "<p>n</p>"},
            {"name": "Paper", "type": "SAMPLES", **empty, "source": "file", "file": file, "file_name": "a.pdf"},
            {"name": "Talk", "type": "FORUM", **empty, "source": "url", "url": link},
        ],
        "thumbnail": f"data:image/png;base64,{base64.b64encode(PICTURE).decode()}",
    }
    assert found.left == {"Docs/Notes": "was written in HTML: see that it reads well as Markdown"}
    described = {"name": "A", "context": "/a", "version": "1", **found.api}
    assert not manifest.find_faults({"apis": [described]})


@pytest.mark.parametrize(
    ("described", "said"),
    [
        ({"name": "A", "sourceType": "FILE", "fileName": "../../../secret"}, "must lie in the same folder"),
        ({"name": "A", "sourceType": "FILE", "fileName": "gone.pdf"}, "there is no such file"),
        ({"name": "gone", "sourceType": "MARKDOWN"}, "there is no such file"),
        ({"name": "latin", "sourceType": "MARKDOWN"}, "latin: must be UTF-8"),
        ([], "does not describe a document"),
    ],
)
def test_a_document_that_cannot_be_read_is_told(tmp_path: Path, described: Any, said: str) -> None:
    (tmp_path / "secret").write_text("no")
    folder = tmp_path / "project/Docs/A"
    folder.mkdir(parents=True)
    (folder / "document.yaml").write_text(yaml.safe_dump({"data": described}))
    (folder / "latin").write_bytes(b"\xe9")
    found = take(tmp_path / "project")
    assert "documents" not in found.api
    assert said in found.left["Docs/A"]


def test_what_is_no_picture_and_what_older_ones_wrote_is_told(tmp_path: Path) -> None:
    for name in ("Image/icon.svg", "Docs/docs.json"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("<svg/>")
    found = take(tmp_path)
    assert found.api == {}
    assert found.left["Image/icon.svg"] == "must be a picture: PNG, JPEG or WebP"
    assert "export the API with a newer one" in found.left["Docs/docs.json"]
