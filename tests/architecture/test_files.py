"""What holds for every file."""

import ast
import re
from collections.abc import Iterator

from tests.architecture.repository import read, tracked

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 40

LONG_FILES: dict[str, str] = {}  # path: why it is longer
LONG_FUNCTIONS = {  # path::name: why it is longer
    "services/data_plane/frames/scanner.py::scan": "the loop over headers: a call would cost as much as what it does",
}

# Written apart, so that they don't find themselves.
REGISTRIES = [
    r"\.".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("ghcr", "io"),
        ("quay", "io"),
    )
]
ONE_MACHINE = "/" + "work/"

SOURCES = [path for path in tracked("*.py", "run") if path.parts[0] != "migrations"]


def long_functions() -> Iterator[str]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(read(path))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                if length > MAX_FUNCTION_LINES:
                    yield f"{path}::{node.name}"


def test_a_file_is_short_or_has_a_reason() -> None:
    long = {str(path) for path in SOURCES if len(read(path).splitlines()) > MAX_FILE_LINES}
    assert long == LONG_FILES.keys()


def test_a_function_is_short_or_has_a_reason() -> None:
    assert set(long_functions()) == LONG_FUNCTIONS.keys()


def test_no_file_names_a_package_registry_or_a_place_of_one_machine() -> None:
    for path in tracked():
        try:
            text = read(path)
        except UnicodeDecodeError:
            continue  # an image
        assert not re.search("|".join(REGISTRIES), text), path
        assert ONE_MACHINE not in text, path
