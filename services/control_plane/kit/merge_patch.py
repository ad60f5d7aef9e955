"""JSON merge patches (RFC 7396)."""

from collections.abc import Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from services.control_plane.kit.problems import InvalidError, field_errors

M = TypeVar("M", bound=BaseModel)


def merge(target: Any, patch: Any) -> Any:
    """Return what a patch makes of a JSON value: the algorithm of RFC 7396, section 2."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged


def patched(current: M, patch: Mapping[str, Any]) -> M:
    """Return the model after a patch. Raises `InvalidError` that names the fields."""
    document = merge(current.model_dump(mode="json"), patch)
    for name, field in type(current).model_fields.items():
        # What may be null and is removed is null: not what a new resource would have.
        if patch.get(name, ...) is None and type(None) in get_args(field.annotation):
            document[name] = None
    try:
        return type(current).model_validate(document)
    except ValidationError as error:
        raise InvalidError(errors=field_errors(error)) from error
