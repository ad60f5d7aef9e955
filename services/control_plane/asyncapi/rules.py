"""What AsyncAPI asks for in words, and its JSON Schemas can't say: names that must be there, targets of references."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from services.control_plane.asyncapi.pointers import name_field
from services.control_plane.asyncapi.reading import Document
from services.control_plane.asyncapi.references import REF, References
from services.control_plane.asyncapi.specification import MAX_ERRORS
from services.control_plane.kit.problems import FieldError

_PARAMETER: Final = re.compile(r"\{([^{}]+)\}")

Place = tuple[object, ...]
Finding = tuple[Place, str]


def check_rules(document: Document) -> list[FieldError]:
    rules = _of_version_3(document) if document["asyncapi"].startswith("3.") else _of_version_2(document)
    return [FieldError(name_field(place), message) for place, message in islice(rules, MAX_ERRORS)]


def _of_version_3(document: Document) -> Iterator[Finding]:
    follow = References(document).follow
    for name, given in document.get("channels", {}).items():
        channel, place = follow(given), ("channels", name)
        for index, server in enumerate(channel.get("servers", ())):
            if not _is_child(server[REF], "#/servers"):
                yield (*place, "servers", index), "must refer to one of #/servers"
        yield from _check_parameters(place, channel.get("address") or "", channel.get("parameters", {}))
    for name, given in document.get("operations", {}).items():
        operation, place = follow(given), ("operations", name)
        yield from _check_channel(place, operation)
        if "channel" in operation.get("reply", {}):
            yield from _check_channel((*place, "reply"), operation["reply"])


def _check_channel(place: Place, operation: Document) -> Iterator[Finding]:
    channel = operation["channel"][REF]
    if not _is_child(channel, "#/channels"):
        yield (*place, "channel"), "must refer to one of #/channels"
        return
    for index, message in enumerate(operation.get("messages", ())):
        if not _is_child(message[REF], f"{channel}/messages"):
            yield (*place, "messages", index), "must refer to one of the channel's messages"


def _is_child(reference: str, parent: str) -> bool:
    head, _, name = reference.rpartition("/")
    return head == parent and bool(name)


def _of_version_2(document: Document) -> Iterator[Finding]:
    follow = References(document).follow
    servers = document.get("servers", {})
    schemes = document.get("components", {}).get("securitySchemes", {})
    ids: set[str] = set()
    for name, given in servers.items():
        server = follow(given)
        yield from _check_security(("servers", name), server, schemes)
        yield from _check_parameters(("servers", name), server["url"], server.get("variables", {}), "variables")
    for address, given in document["channels"].items():
        channel, place = follow(given), ("channels", address)
        for index, name in enumerate(channel.get("servers", ())):
            if name not in servers:
                yield (*place, "servers", index), "is not one of the servers"
        yield from _check_parameters(place, address, channel.get("parameters", {}))
        for kind in ("publish", "subscribe"):
            operation = channel.get(kind, {})
            yield from _check_security((*place, kind), operation, schemes)
            id_ = operation.get("operationId")
            if id_ in ids:
                yield (*place, kind, "operationId"), "is another operation's"
            if id_ is not None:
                ids.add(id_)


def _check_security(place: Place, secured: Document, schemes: Document) -> Iterator[Finding]:
    for index, requirement in enumerate(secured.get("security", ())):
        for name in requirement:
            if name not in schemes:
                yield (*place, "security", index, name), "is not one of #/components/securitySchemes"


def _check_parameters(place: Place, text: str, given: Document, field: str = "parameters") -> Iterator[Finding]:
    for name in dict.fromkeys(_PARAMETER.findall(text)):
        if name not in given:
            yield (*place, field), f"must describe {name!r}, which stands in braces"
