"""Every source file has a test."""

from pathlib import Path, PurePath

from tests.architecture.repository import ROOT, read, tracked

PARTS = ("unit", "integration", "e2e")

# A domain's inner files are tested through its door, by the tests in the folder of the domain.
BEHIND_THE_DOOR = {"errors", "models", "projection", "repository", "router", "schemas", "service"}

EXCEPTIONS = {  # path: why it has no test
    "shared/contract.py": "a base class without behaviour of its own",
    "shared/subscription.py": "fields alone: the recorded contract reads them",
}

SOURCES = [path for path in tracked("cli/*.py", "services/*.py", "shared/*.py") if path.name != "__init__.py"]
TESTS = "\n".join(read(path) for path in tracked("tests/*.py") if path.name.startswith("test_"))


def mirrors(path: PurePath) -> list[Path]:
    """Return where tests of a file may stand: the tree of tests mirrors that of the sources, less `services`."""
    folder = Path(*path.parts[1:-1] if path.parts[0] == "services" else path.parts[:-1])
    stem = path.stem.strip("_")
    return [ROOT / "tests" / part / folder / f"test_{stem}.py" for part in PARTS]


def has_test(path: Path) -> bool:
    package, module = ".".join(path.parts[:-1]), path.stem
    imported = f"from {package}.{module} import" in TESTS or f"from {package} import {module}\n" in TESTS
    behind_the_door = module in BEHIND_THE_DOOR and any(mirror.parent.exists() for mirror in mirrors(path))
    return imported or behind_the_door or any(mirror.exists() for mirror in mirrors(path))


def test_a_file_has_a_test_that_mirrors_or_imports_it() -> None:
    assert {str(path) for path in SOURCES if not has_test(path)} == EXCEPTIONS.keys()
