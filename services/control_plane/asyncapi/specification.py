"""The official JSON Schemas of AsyncAPI, and what they find wrong."""

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

from jsonschema_rs import Draft7Validator

from services.control_plane.asyncapi.explaining import Explainer, GaveUpError, Walk, make_validator
from services.control_plane.asyncapi.pointers import DOCUMENT, name_field
from services.control_plane.kit.problems import FieldError

VERSIONS: Final = ("2.0.0", "2.1.0", "2.2.0", "2.3.0", "2.4.0", "2.5.0", "2.6.0", "3.0.0", "3.1.0")
MAX_ERRORS: Final = 20

_FOLDER: Final = Path(__file__).parent / "specification"


@cache
def _load(version: str) -> tuple[Draft7Validator, Explainer]:
    schema = json.loads((_FOLDER / f"{version}.json").read_bytes())
    return make_validator(schema), Explainer(schema)


def check_schema(document: dict[str, Any], version: str) -> list[FieldError]:
    """Return what the schema of a version finds wrong: the first errors, where the document comes closest to it."""
    validator, explainer = _load(version)
    if validator.is_valid(document):
        return []
    found: dict[str, str] = {}
    walk = Walk()
    try:
        for place, message, _ in explainer.explain(document, walk):
            found.setdefault(name_field(place), message)
            if len(found) == MAX_ERRORS:
                break
    except (GaveUpError, RecursionError):
        found = found or {DOCUMENT: "is not valid, and too large to say where"}
    if not found and not walk.met_ambiguity:
        found = {DOCUMENT: f"is not valid by the schema of AsyncAPI {version}"}
    return [FieldError(*item) for item in found.items()]
