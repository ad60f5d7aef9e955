"""Which operations list something, by the OpenAPI document: none is forgotten."""

from collections.abc import Iterator, Mapping
from typing import Any


def lists(document: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Yield the path of each operation that answers several, with the names of its parameters."""
    for path, operations in document["paths"].items():
        operation = operations.get("get", {})
        answer = operation.get("responses", {}).get("200", {}).get("content", {}).get("application/json", {})
        schema = answer.get("schema", {})
        model = document["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2], {})
        if schema.get("type") == "array" or "items" in model.get("properties", {}):
            asked = (parameter for parameter in operation.get("parameters", ()) if parameter["in"] == "query")
            yield path, [parameter["name"] for parameter in asked]


def named(path: str, prefix: str = "") -> str:
    """Return the path to what is the caller's, and has most."""
    return path.format(api_id=f"{prefix}api-0", application_id=f"{prefix}application-0")
