"""Whether a document is one of AsyncAPI, of a version that we know."""

from services.control_plane.asyncapi.conversion import as_version_3
from services.control_plane.asyncapi.reading import MAX_RESOLVED_VALUES, Document, count_values
from services.control_plane.asyncapi.references import check_references, resolve, too_large
from services.control_plane.asyncapi.rules import check_rules
from services.control_plane.asyncapi.specification import MAX_ERRORS, VERSIONS, check_schema
from services.control_plane.kit.problems import FieldError, InvalidError


def check(document: Document) -> Document:
    """Return a document as version 3. Raises `InvalidError` that names what is wrong by its pointer."""
    version = document.get("asyncapi")
    if version not in VERSIONS:
        raise InvalidError.of("/asyncapi", f"must be one of {', '.join(VERSIONS)}")
    _refuse(check_references(document, MAX_ERRORS))
    _refuse(check_schema(document, version))
    _refuse(check_schema(resolve(document), version))
    _refuse(check_rules(document))
    converted = as_version_3(document)
    if converted is not document:
        if count_values(converted, MAX_RESOLVED_VALUES) > MAX_RESOLVED_VALUES:
            raise too_large()
        _refuse(check_references(converted, MAX_ERRORS), "once it is told as AsyncAPI 3.0: ")
        _refuse(check_schema(converted, converted["asyncapi"]), "once it is told as AsyncAPI 3.0: ")
    return converted


def _refuse(errors: list[FieldError], when: str = "") -> None:
    if errors:
        raise InvalidError(errors=[FieldError(error.field, f"{when}{error.message}") for error in errors])
