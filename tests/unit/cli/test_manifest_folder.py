from pathlib import Path
from typing import Any

import pytest

from cli import manifest
from cli.manifest_folder import NAME, write
from services.control_plane.kit.data_urls import write_data_url


def api(context: str, *names: str) -> dict[str, Any]:
    file = write_data_url(b"pages", "application/octet-stream")
    documents = [{"name": name, "source": "file", "file": file, "file_name": name} for name in names]
    return {"name": context, "context": context, "version": "1.0", "documents": documents}


@pytest.mark.parametrize("name", ["..", "...", "../up", "a b.pdf", "é.pdf", "CON", ".hidden", "a" * 120])
def test_names_from_outside_make_no_paths(tmp_path: Path, name: str) -> None:
    apis = [api("/a/b", name), api("/a-b", "same.pdf", "Same.pdf")]
    write({"apis": apis}, tmp_path / "new")
    assert {path.parent.parent for path in tmp_path.rglob("*") if path.is_file() and path.name != NAME} == {
        tmp_path / "new"
    }
    assert manifest.load(tmp_path / "new", None, {}).sections["apis"] == apis


def test_what_looks_like_a_reference_or_a_number_stands_for_itself(tmp_path: Path) -> None:
    texts = ["${A}", "$${A}", "$", "${", "1e3", "0o7", "-1.5e3", "0x1f", "no", "~", "2026-01-01", ".5"]
    entries = [{"name": "A", "description": text} for text in texts]
    write({"applications": entries}, tmp_path / "new")
    assert manifest.load(tmp_path / "new", None, {}).sections["applications"] == entries
