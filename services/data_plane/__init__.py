"""A pod: admits, meters and relays WebSocket connections.

What every frame passes may be compiled: then a `.so` lies beside its source, and is what Python imports. With
`FRAMEGATE_PURE` set, the sources are imported all the same, to test and to measure them.
"""

import os
import sys
from collections.abc import Sequence
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, ModuleSpec, SourceFileLoader


class _SourceFinder:
    """Finds this package's sources, and nothing compiled."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        del target
        if path is None or not name.startswith(f"{__name__}."):
            return None
        return FileFinder(path[0], (SourceFileLoader, SOURCE_SUFFIXES)).find_spec(name)


if os.environ.get("FRAMEGATE_PURE"):  # noqa: TID251 - it decides what is imported, before there are settings
    sys.meta_path.insert(0, _SourceFinder)
