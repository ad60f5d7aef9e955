"""A message's payload schema, taken out of its document: with what it refers to, and without what checks nothing."""

import json
import re
from typing import Any, Final

from jsonschema_rs import ReferencingError, RegexOptions, ValidationError, validator_for

from services.control_plane.asyncapi.reading import Document, refused
from services.control_plane.asyncapi.references import REF, References, reference_of
from services.control_plane.asyncapi.traffic import Message, Place
from shared.schema_cost import Cost, CostlyError, measure
from shared.validation import MAX_PATTERN_BYTES, MessageSchema

MAX_BYTES: Final = 64 * 1024
"""Of a schema with all that it refers to."""

DRAFT_7: Final = "http://json-schema.org/draft-07/schema#"
DRAFT_2020: Final = "https://json-schema.org/draft/2020-12/schema"

_OWN_FORMAT: Final = re.compile(r"application/vnd\.(aai|oai)\.asyncapi\b.*")
_FORMAT: Final = re.compile(r"application/schema\+(?:json|yaml)(?:;\s*version=(?:draft-)?(07|2020-12))?")
_DIALECT: Final = re.compile(r"https?://json-schema\.org/draft(-07|/2020-12)/schema#?")
_JSON: Final = re.compile(r"application/(.+\+)?json\b.*", re.IGNORECASE)

_KEPT: Final = frozenset({
    "type", "enum", "const", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength",
    "minLength", "pattern", "maxItems", "minItems", "uniqueItems", "maxContains", "minContains", "maxProperties",
    "minProperties", "required", "dependentRequired", "format",
})  # fmt: skip
_OF_ONE: Final = frozenset({
    "additionalItems", "additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then",
    "unevaluatedItems", "unevaluatedProperties",
})  # fmt: skip
_OF_SEVERAL: Final = frozenset({"allOf", "anyOf", "items", "oneOf", "prefixItems"})
_OF_NAMED: Final = frozenset({"dependencies", "dependentSchemas", "patternProperties", "properties"})
_UNKNOWN: Final = frozenset({"$dynamicRef", "$recursiveRef"})
_COSTLY_FORMATS: Final = frozenset({"regex"})


class SchemaWriter:
    """Takes schemas out of one document."""

    def __init__(self, document: Document) -> None:
        self._references = References(document)
        self._default_type = document.get("defaultContentType")

    def write(self, message: Message) -> MessageSchema:
        """Return the schema of a message. Raises `InvalidError` that names the place where it can't be checked."""
        place = (*message.place, "payload")
        media = message.content.get("contentType") or self._default_type
        if media is not None and not _JSON.match(media):
            raise refused("is not JSON, and can't be checked", *message.place, "contentType")
        if "payload" not in message.content:
            raise refused("must have a JSON Schema as its payload to be checked", *message.place)
        schema, dialect = self._read_dialect(message.content["payload"], place)
        extract = _Extract(self._references, dialect, place)
        text = json.dumps(extract.take(schema), separators=(",", ":"))
        if len(text) > MAX_BYTES:
            raise refused(f"is over {MAX_BYTES} bytes with all that it refers to, and can't be checked", *place)
        written = json.loads(text)
        cost = extract.measure(written)
        _compile(written, place)
        return MessageSchema(text=text, parts=cost.parts, patterns=cost.patterns)

    def _read_dialect(self, payload: Any, place: Place) -> tuple[Any, str]:
        """Return the schema itself, and which JSON Schema it is: AsyncAPI's own is one of draft 7."""
        schema, dialect = self._references.follow(payload), DRAFT_7
        if isinstance(schema, dict) and isinstance(schema.get("schemaFormat"), str) and "schema" in schema:
            form, schema = schema["schemaFormat"], schema["schema"]
            known = _FORMAT.fullmatch(form)
            if known is None and not _OWN_FORMAT.fullmatch(form):
                raise refused("must be JSON Schema, of draft 7 or 2020-12, to be checked", *place, "schemaFormat")
            dialect = DRAFT_2020 if known and known[1] == "2020-12" else DRAFT_7
        said = schema.get("$schema") if isinstance(schema, dict) else None
        if isinstance(said, str):
            named = _DIALECT.fullmatch(said)
            if named is None:
                raise refused("must be draft 7 or 2020-12 to be checked", *place, "$schema")
            dialect = DRAFT_7 if named[1] == "-07" else DRAFT_2020
        return schema, dialect


class _Extract:
    """One schema on its way out."""

    def __init__(self, references: References, dialect: str, place: Place) -> None:
        self._references = references
        self._dialect = dialect
        self._place = place
        self._names: dict[str, str] = {}
        self._left: list[str] = []
        self._values = 0

    def take(self, schema: Any) -> dict[str, Any]:
        root = self._copy(schema)
        taken: dict[str, Any] = {"$schema": self._dialect}
        if isinstance(root, bool):
            return taken if root else taken | {"not": {}}
        definitions: dict[str, Any] = {}
        while self._left:
            reference = self._left.pop()
            definitions[self._names[reference]] = self._copy(self._references.follow({REF: reference}))
        # Beside a reference nothing counts in draft 7, so the reference is one of several.
        taken |= {"allOf": [root]} if REF in root else root
        return taken | ({"definitions": definitions} if definitions else {})

    def measure(self, written: Any) -> Cost:
        """Return what a schema costs that was taken. Raises `InvalidError` where that is too much."""
        try:
            return measure(written)
        except CostlyError as error:
            places = {f"#/definitions/{name}": reference for reference, name in self._names.items()}
            where = f"{places[error.reference]} " if error.reference in places else ""
            raise refused(f"can't be checked: {where}{error}", *self._place) from error

    def _copy(self, schema: Any) -> Any:
        self._values += 1
        if self._values > MAX_BYTES:
            raise refused("is too large with all that it refers to, and can't be checked", *self._place)
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, dict):
            raise refused("must be a JSON Schema, to be checked", *self._place)
        for keyword in _UNKNOWN & schema.keys():
            raise refused(f"has {keyword}, and can't be checked", *self._place)
        reference = reference_of(schema)
        if reference is not None and self._dialect == DRAFT_7:
            return {REF: self._refer(reference)}
        copied = {key: self._copy_keyword(key, value) for key, value in schema.items() if _counts(key, value)}
        return copied if reference is None else copied | {REF: self._refer(reference)}

    def _copy_keyword(self, key: str, value: Any) -> Any:
        if key in _OF_NAMED and isinstance(value, dict):
            return {name: item if isinstance(item, list) else self._copy(item) for name, item in value.items()}
        if key in _OF_SEVERAL and isinstance(value, list):
            return [self._copy(item) for item in value]
        return self._copy(value) if key in _OF_ONE else value

    def _refer(self, reference: str) -> str:
        if reference not in self._names:
            self._names[reference] = str(len(self._names))
            self._left.append(reference)
        return f"#/definitions/{self._names[reference]}"


def _counts(key: str, value: Any) -> bool:
    """Tell whether a keyword checks anything: titles, examples and the like don't."""
    known = key in _KEPT or key in _OF_ONE or key in _OF_SEVERAL or key in _OF_NAMED
    return known and not (key == "format" and value in _COSTLY_FORMATS)


def _compile(schema: dict[str, Any], place: Place) -> None:
    options = RegexOptions(size_limit=MAX_PATTERN_BYTES, dfa_size_limit=MAX_PATTERN_BYTES)
    try:
        validator_for(schema, validate_formats=True, offline=True, pattern_options=options, mask="it")
    except (ValidationError, ReferencingError, ValueError) as error:
        reason = str(error).splitlines()[0][:200]
        raise refused(f"can't be checked: {reason}; a pattern must be plain and short", *place) from error
