"""The OpenAPI document as makers of clients like it: names that last, summaries that read well, examples."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from services.control_plane.examples import EXAMPLES
from services.control_plane.identity.dependencies import find_caller

_WORDS: Final = {"api": "API", "apis": "APIs", "asyncapi": "AsyncAPI", "jwks": "JWKS", "id": "ID"}


def name_operation(route: APIRoute) -> str:
    """Return `store_list_apis` for `GET /store/v1/apis`. Another route never changes it."""
    first, second, *_ = [*route.path_format.strip("/").split("/"), ""]
    if first in ("oauth2", ".well-known"):
        return f"oauth_{route.name}"
    return f"{first}_{route.name}" if second == "v1" else route.name


def complete(app: FastAPI) -> None:
    """Have an application tell of itself in full."""
    make = app.openapi

    def openapi() -> dict[str, Any]:
        made = app.openapi_schema is not None
        document = make()
        if not made:
            for operations in document["paths"].values():
                for operation in operations.values():
                    _complete(operation)
            _open(document, app)
        return document

    app.openapi = openapi  # type: ignore[method-assign] # as FastAPI would have it


def _open(document: dict[str, Any], app: FastAPI) -> None:
    """Say which operations answer without a token, too: OpenAPI's empty requirement."""
    for route in iter_route_contexts(app.routes):
        dependant = getattr(route, "dependant", None)
        if dependant and any(each.call is find_caller for each in dependant.dependencies):
            for method in route.methods or ():
                document["paths"][route.path_format][method.lower()]["security"].append({})


def _complete(operation: dict[str, Any]) -> None:
    words = operation["summary"].lower().split()
    operation["summary"] = " ".join(_WORDS.get(word, word) for word in (words[0].capitalize(), *words[1:]))
    example = EXAMPLES.get(operation["operationId"])
    if example is not None:
        operation["requestBody"]["content"]["application/json"]["example"] = example
