"""The scanner in each form that is here: as Python always, and compiled where it is what Python imports."""

import importlib.util
from pathlib import Path
from types import ModuleType

from services.data_plane.frames import scanner


def _as_python() -> ModuleType:
    source = Path(scanner.__file__).with_name("scanner.py")
    spec = importlib.util.spec_from_file_location("framegate_pure_scanner", source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


IS_COMPILED = not scanner.__file__.endswith(".py")
FORMS: dict[str, type[scanner.Scanner]] = {
    "imported": scanner.Scanner,
    **({"pure": _as_python().Scanner} if IS_COMPILED else {}),
}
