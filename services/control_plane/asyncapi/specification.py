"""The official JSON Schemas of AsyncAPI, and what they find wrong."""

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

from jsonschema_rs import Draft7Validator, RegexOptions, ValidationError, ValidationErrorKind

from services.control_plane.asyncapi.pointers import name_field
from services.control_plane.kit.problems import FieldError

VERSIONS: Final = ("2.0.0", "2.1.0", "2.2.0", "2.3.0", "2.4.0", "2.5.0", "2.6.0", "3.0.0", "3.1.0")
MAX_ERRORS: Final = 20

_FOLDER: Final = Path(__file__).parent / "specification"


@cache
def _validator(version: str) -> Draft7Validator:
    schema = json.loads((_FOLDER / f"{version}.json").read_bytes())
    return Draft7Validator(
        schema,
        validate_formats=True,
        offline=True,
        pattern_options=RegexOptions(),  # no pattern goes back and forth in a long text
        mask="the value",  # an error repeats nothing of what was given
    )


def check_schema(document: dict[str, Any], version: str) -> list[FieldError]:
    """Return what the schema of a version finds wrong: the first errors, each once, and named where it lies deepest."""
    found: dict[str, str] = {}
    for error in _validator(version).iter_errors(document):
        deepest = _find_deepest(error)
        if _is_ambiguous_reference(deepest):
            continue
        found.setdefault(name_field(deepest.instance_path), deepest.message)
        if len(found) == MAX_ERRORS:
            break
    return [FieldError(*item) for item in found.items()]


def _find_deepest(error: ValidationError) -> ValidationError:
    """Of an object that matches none of several forms, return what is wrong with the form that it comes closest to."""
    branches: list[list[ValidationError]] = getattr(error.kind, "context", None) or []
    leaves = [_find_deepest(inner) for branch in branches for inner in branch]
    return max(leaves, key=_rank, default=error)


def _rank(error: ValidationError) -> tuple[int, bool]:
    return len(error.instance_path), not _is_about_form(error)


def _is_about_form(error: ValidationError) -> bool:
    """Tell whether it only says that this is another form: not a reference, or of another type."""
    return error.kind.name == "type" or (
        error.kind.name == "required" and getattr(error.kind, "property", "") == "$ref"
    )


def _is_ambiguous_reference(error: ValidationError) -> bool:
    """Tell whether it is a reference that is also a bare form of what it stands for, as in schemas before 2.5."""
    is_ambiguous = isinstance(error.kind, ValidationErrorKind.OneOfMultipleValid)
    return is_ambiguous and isinstance(error.instance, dict) and "$ref" in error.instance
