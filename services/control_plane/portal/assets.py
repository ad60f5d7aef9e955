"""Style sheets and scripts. Their names change with their content, so browsers may keep them for ever."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

PREFIX: Final = "/static/"

_FOLDER: Final = Path(__file__).with_name("static")
_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent, as it is or packed."""

    path: str
    content: bytes
    packed: bytes
    media_type: str


@cache
def _assets() -> Mapping[str, Asset]:
    files = [path for path in sorted(_FOLDER.rglob("*")) if path.suffix in _MEDIA_TYPES]
    return {path.relative_to(_FOLDER).as_posix(): _read(path) for path in files}


@cache
def _by_path() -> Mapping[str, Asset]:
    return {asset.path: asset for asset in _assets().values()}


def _read(path: Path) -> Asset:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:16]
    name = f"{path.name.removesuffix(path.suffix)}.{digest}{path.suffix}"
    return Asset(f"{PREFIX}{name}", content, gzip.compress(content, 9, mtime=0), _MEDIA_TYPES[path.suffix])


def asset_path(name: str) -> str:
    """Return where a file of `static/` is served, by its name there."""
    return _assets()[name].path


def find_asset(path: str) -> Asset | None:
    return _by_path().get(path)
