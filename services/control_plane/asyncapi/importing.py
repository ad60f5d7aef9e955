"""An API from a document of version 3: its name, version, endpoints, paths. Pure."""

import re
from typing import Any, Final

from pydantic import ValidationError

from services.control_plane.asyncapi.pointers import make_pointer
from services.control_plane.asyncapi.reading import Document, refused
from services.control_plane.asyncapi.references import References
from services.control_plane.asyncapi.traffic import path_of
from services.control_plane.kit.problems import FieldError, InvalidError, field_errors
from services.control_plane.publisher.schemas import ApiWrite
from shared.paths import shape_of

_PROTOCOLS: Final = frozenset({"ws", "wss"})
_VARIABLE: Final = re.compile(r"\{([^{}]+)\}")
_NOT_IN_CONTEXT: Final = re.compile(r"[^a-z0-9]+")


class Imported:
    """What a document makes of an API, and by which pointer an error names each of its fields."""

    def __init__(self, document: Document, context: str | None) -> None:
        self._document = document
        self._follow = References(document).follow
        self._pointers = {"name": "/info/title", "version": "/info/version", "description": "/info/description"}
        info = document["info"]
        self._fields: dict[str, Any] = {
            "name": info["title"],
            "version": info["version"],
            "description": info.get("description", ""),
            "context": context or _derive_context(info["title"]),
            "tags": self._read_tags(info),
            "endpoints": self._read_endpoints(),
            "paths": self._read_paths(),
        }

    def body(self) -> ApiWrite:
        """Return the body that makes the API. Raises `InvalidError`."""
        try:
            return ApiWrite.model_validate(self._fields)
        except ValidationError as error:
            raise self.rename(field_errors(error)) from error

    def rename(self, errors: list[FieldError]) -> InvalidError:
        """Return errors about the API's fields as errors about the document."""
        return InvalidError(errors=[FieldError(self.place(error.field), error.message) for error in errors])

    def place(self, field: str) -> str:
        """Return the pointer of a field, or the field's name where the document has no such place."""
        return self._pointers.get(field, field)

    def _read_tags(self, info: Document) -> list[str]:
        tags = [self._follow(tag)["name"] for tag in info.get("tags", ())]
        for index in range(len(tags)):
            self._pointers[f"tags.{index}"] = make_pointer("info", "tags", index, "name")
        return tags

    def _read_endpoints(self) -> Document:
        """Return the server named `sandbox`, and the one named `production` or else the first, of those that fit.

        The servers of a document stand for environments: to spread clients over all of them would mix these up.
        """
        servers = {name: self._follow(server) for name, server in self._document.get("servers", {}).items()}
        fitting = {name: server for name, server in servers.items() if server["protocol"].lower() in _PROTOCOLS}
        chosen = {"sandbox": "sandbox"} if "sandbox" in fitting else {}
        others = [name for name in fitting if name != "sandbox"]
        if others:
            chosen["production"] = "production" if "production" in others else others[0]
        for environment, name in chosen.items():
            self._pointers[f"endpoints.{environment}.urls.0"] = make_pointer("servers", name)
        return {environment: {"urls": [self._url_of(name, fitting[name])]} for environment, name in chosen.items()}

    def _url_of(self, name: str, server: Document) -> str:
        url = f"{server['protocol'].lower()}://{server['host']}{server.get('pathname', '')}"
        return _VARIABLE.sub(lambda match: self._value_of(name, server, match[1]), url)

    def _value_of(self, name: str, server: Document, variable: str) -> str:
        described = self._follow(server.get("variables", {}).get(variable, {}))
        value = described.get("default") or next(iter(described.get("enum", ())), None)
        if value is None:
            raise refused(
                "must have a default: the API's endpoint is made of it", "servers", name, "variables", variable
            )
        return str(value)

    def _read_paths(self) -> list[dict[str, str]]:
        """Return the channels' addresses, as far as they are paths that an API can tell apart."""
        found: dict[tuple[str, ...], str] = {}
        for name, given in self._document.get("channels", {}).items():
            path = path_of(self._follow(given).get("address"))
            if path and path != "/" and shape_of(path) not in found:
                self._pointers[f"paths.{len(found)}.path"] = make_pointer("channels", name, "address")
                found[shape_of(path)] = path
        self._pointers["paths"] = make_pointer("channels")
        return [{"path": path} for path in found.values()]


def _derive_context(title: str) -> str:
    name = _NOT_IN_CONTEXT.sub("-", title.lower()).strip("-")
    if not name:
        raise InvalidError.of("context", "can't be made of the title: give it as ?context=/...")
    return f"/{name}"
