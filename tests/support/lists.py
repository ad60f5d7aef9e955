"""Which operations list something, by the OpenAPI document: none is forgotten."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

GIVEN: Final = {"month": "2026-01", "step": "day"}
"""Values of parameters without which a list answers nothing, or nothing of what `tests.support.rows` makes."""


def lists(document: Mapping[str, Any]) -> Iterator[tuple[str, list[str], dict[str, str]]]:
    """Yield the path of each operation that answers several, the names of its parameters, and what it must be given."""
    for path, operations in document["paths"].items():
        operation = operations.get("get", {})
        answer = operation.get("responses", {}).get("200", {}).get("content", {}).get("application/json", {})
        schema = answer.get("schema", {})
        model = document["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2], {})
        if schema.get("type") == "array" or "items" in model.get("properties", {}):
            asked = (parameter for parameter in operation.get("parameters", ()) if parameter["in"] == "query")
            names = {parameter["name"]: parameter["required"] for parameter in asked}
            given = [name for name, required in names.items() if required or name == "step"]
            yield path, [*names], {name: GIVEN[name] for name in given}


def named(path: str, prefix: str = "") -> str:
    """Return the path to what is the caller's, and has most."""
    ids = {kind: f"{prefix}{kind}-0" for kind in ("api", "application", "webhook")}
    return path.format(**{f"{kind}_id": id_ for kind, id_ in ids.items()})
