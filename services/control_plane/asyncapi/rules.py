"""What AsyncAPI asks for in words, and its JSON Schemas can't say: names that must be there, targets of references."""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from services.control_plane.asyncapi.conversion import messages_of
from services.control_plane.asyncapi.pointers import name_field
from services.control_plane.asyncapi.reading import Document
from services.control_plane.asyncapi.references import REF, References
from services.control_plane.asyncapi.specification import MAX_ERRORS
from services.control_plane.kit.problems import FieldError

_NAMED: Final = re.compile(r"\{([^{}]+)\}")

Place = tuple[object, ...]
Finding = tuple[Place, str]


def check_rules(document: Document) -> list[FieldError]:
    rules = _check_3(document) if document["asyncapi"].startswith("3.") else _Rules2(document).check()
    return [FieldError(name_field(place), message) for place, message in islice(rules, MAX_ERRORS)]


def _check_3(document: Document) -> Iterator[Finding]:
    follow = References(document).follow
    for name, given in document.get("channels", {}).items():
        channel, place = follow(given), ("channels", name)
        yield from _check_parameters(place, channel.get("address") or "", channel)
        for index, server in enumerate(channel.get("servers", ())):
            if not _is_child(server[REF], "#/servers"):
                yield (*place, "servers", index), "must refer to one of #/servers"
    for name, given in document.get("operations", {}).items():
        operation, place = follow(given), ("operations", name)
        reference = operation["channel"][REF]
        if not _is_child(reference, "#/channels"):
            yield (*place, "channel"), "must refer to one of #/channels"
        for index, message in enumerate(operation.get("messages", ())):
            if not _is_child(message[REF], f"{reference}/messages"):
                yield (*place, "messages", index), "must refer to one of the channel's messages"


def _is_child(reference: str, parent: str) -> bool:
    head, _, name = reference.rpartition("/")
    return head == parent and bool(name)


class _Rules2:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._follow = References(document).follow
        self._servers: Document = document.get("servers", {})
        self._schemes: Document = document.get("components", {}).get("securitySchemes", {})
        self._operation_ids: set[str] = set()
        self._messages: dict[str, Document] = {}  # by their ids

    def check(self) -> Iterator[Finding]:
        for name, given in self._servers.items():
            server, place = self._follow(given), ("servers", name)
            yield from self._check_security(place, server)
            if "variables" in server:
                yield from _check_described((*place, "variables"), _NAMED.findall(server["url"]), server["variables"])
        for address, given in self._document["channels"].items():
            channel, place = self._follow(given), ("channels", address)
            if "?" in address or "#" in address:
                yield place, "is an address with a query or fragment"
            yield from _check_parameters(place, address, channel)
            for index, name in enumerate(channel.get("servers", ())):
                if name not in self._servers:
                    yield (*place, "servers", index), "is not one of the servers"
            for kind in ("publish", "subscribe"):
                if kind in channel:
                    yield from self._check_operation((*place, kind), channel[kind])

    def _check_operation(self, place: Place, operation: Document) -> Iterator[Finding]:
        yield from self._check_security(place, operation)
        if (id_ := operation.get("operationId")) is not None:
            if id_ in self._operation_ids:
                yield (*place, "operationId"), "is another operation's"
            self._operation_ids.add(id_)
        for given in messages_of(operation):
            followed = self._follow(given)
            if (id_ := followed.get("messageId")) is None:
                continue
            if self._messages.setdefault(id_, followed) is not followed:
                yield (*place, "message", "messageId"), "is another message's"

    def _check_security(self, place: Place, secured: Document) -> Iterator[Finding]:
        for index, requirement in enumerate(secured.get("security", ())):
            for name in requirement:
                if name not in self._schemes:
                    yield (*place, "security", index, name), "is not one of #/components/securitySchemes"


def _check_parameters(place: Place, address: str, channel: Document) -> Iterator[Finding]:
    """Compare what stands in braces with what is described, where anything is."""
    if "parameters" in channel:
        named, described = dict.fromkeys(_NAMED.findall(address)), channel["parameters"]
        yield from (
            ((*place, "parameters", name), "stands nowhere in braces") for name in described if name not in named
        )
        yield from _check_described((*place, "parameters"), named, described)


def _check_described(place: Place, named: Iterable[str], described: Document) -> Iterator[Finding]:
    yield from (((*place, name), "is not described") for name in dict.fromkeys(named) if name not in described)
