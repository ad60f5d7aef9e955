"""The core works the same compiled and as Python."""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from hatch_build import COMPILED, ROOT, has_compiler

HERE = Path(__file__).parent
PURE = {**os.environ, "FRAMEGATE_PURE": "1"}  # noqa: TID251 - handed on
IS_PURE = "FRAMEGATE_PURE" in os.environ  # noqa: TID251 - which form this run is of


@pytest.mark.skipif(IS_PURE, reason="the run of the other form")
def test_the_core_is_compiled_where_it_can_be() -> None:
    suffix = ".so" if has_compiler() else ".py"
    modules = [import_module(name.removesuffix(".py").replace("/", ".")) for name in COMPILED]
    assert [Path(str(module.__file__)).suffix for module in modules] == [suffix] * len(COMPILED)


@pytest.mark.skipif(IS_PURE, reason="it would run itself")
@pytest.mark.timeout(180)
def test_all_unit_tests_of_the_pod_hold_for_the_pure_form() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", str(HERE)]
    ran = subprocess.run(command, cwd=ROOT, env=PURE, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


def test_the_pure_form_is_had_by_asking_for_it() -> None:
    code = "from services.data_plane.frames import scanner; print(scanner.__file__)"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=PURE, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == str(ROOT / "services/data_plane/frames/scanner.py")
