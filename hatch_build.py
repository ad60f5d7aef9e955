"""Compiles what every frame passes with mypyc, into a wheel or beside the sources.

Without a C compiler all stays Python, and works the same.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
COMPILED = (
    "services/data_plane/frames/scanner.py",
    "services/data_plane/pump.py",
    "services/data_plane/relay.py",
    "services/data_plane/decoding_relay.py",
    "services/data_plane/throttle/credit.py",
    "services/data_plane/throttle/meter.py",
)
NEEDED = (
    *(f"services/data_plane/frames/{name}.py" for name in ("__init__", "codes", "close", "errors")),
    "services/data_plane/throttle/__init__.py",
)
SETUP = """
from mypyc.build import mypycify
from setuptools import setup
files = ["--ignore-missing-imports", *{files!r}]
# No debug information: it names the folder, and the same sources should make the same wheel.
setup(name="core", packages=[], ext_modules=mypycify(files, opt_level="3", debug_level="0", separate=True))
"""


class CustomBuildHook(BuildHookInterface[Any]):
    """Hatchling's hook: also called for `pip install --editable`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        del version
        if not has_compiler():
            self.app.display_warning("No C compiler: the frame core stays Python, and costs more a message.")
            return
        build_data["artifacts"] += [str(path.relative_to(ROOT)) for path in compile_core()]
        build_data["pure_python"] = False
        build_data["infer_tag"] = True


def has_compiler() -> bool:
    compiler = (os.environ.get("CC") or str(sysconfig.get_config_var("CC") or "cc")).split()[0]  # noqa: TID251 - CC is setuptools' too
    return shutil.which(compiler) is not None and Path(sysconfig.get_path("include"), "Python.h").exists()


def compile_core() -> list[Path]:
    """Compile in a folder apart, for mypyc would read the whole tree, and put the results beside their sources.

    What isn't there is of no known type to it, which costs where it is used: nothing that every message passes.
    """
    for old in find_compiled(ROOT):
        old.unlink()
    with tempfile.TemporaryDirectory(prefix="framegate-core-") as name:
        folder = Path(name)
        for path in (*COMPILED, *NEEDED):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, folder / path)
        for package in ("services", "services/data_plane"):
            (folder / package / "__init__.py").touch()
        (folder / "setup.py").write_text(SETUP.format(files=list(COMPILED)))
        subprocess.run(
            [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"], cwd=folder, check=True, timeout=300
        )
        return [Path(shutil.copy(path, ROOT / path.relative_to(folder))) for path in find_compiled(folder)]


def find_compiled(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "services").rglob("*.so"))
