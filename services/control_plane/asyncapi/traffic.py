"""Which messages pass over an API's channels, as its document of version 3 says. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from services.control_plane.asyncapi.pointers import split_fragment
from services.control_plane.asyncapi.reading import Document
from services.control_plane.asyncapi.references import REF, References
from services.control_plane.publisher.path_schemas import PathBody
from shared.limits import Direction

_PATH: TypeAdapter[PathBody] = TypeAdapter(PathBody)

Place = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Message:
    place: Place
    content: Document


@dataclass(frozen=True, slots=True)
class Operation:
    """What passes in a direction on a path, and what is answered in the other one.

    Without a path, the channel's address is none that a client could call.
    """

    direction: Direction
    path: str | None
    messages: list[Message]
    replies: list[Message]


class Traffic:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._follow = References(document).follow

    def operations(self) -> Iterator[Operation]:
        for name, given in self._document.get("operations", {}).items():
            operation = self._follow(given)
            channel = split_fragment(operation["channel"][REF])[-1]
            yield Operation(
                "publish" if operation["action"] == "receive" else "subscribe",
                path_of(self._channel(channel).get("address")),
                list(self._messages(("operations", name), channel, operation)),
                list(self._replies(("operations", name, "reply"), channel, self._follow(operation.get("reply", {})))),
            )

    def _channel(self, name: str) -> Document:
        channel: Document = self._follow(self._document["channels"][name])
        return channel

    def _replies(self, place: Place, channel: str, reply: Document) -> Iterator[Message]:
        if "channel" in reply:
            channel = split_fragment(reply["channel"][REF])[-1]
        if "messages" in reply or "channel" in reply:
            yield from self._messages(place, channel, reply)

    def _messages(self, place: Place, channel: str, named: Mapping[str, Any]) -> Iterator[Message]:
        """Yield the messages that are named, or else all of the channel's."""
        if "messages" in named:
            for index, message in enumerate(named["messages"]):
                yield Message((*place, "messages", index), self._follow(message))
            return
        for key, message in self._channel(channel).get("messages", {}).items():
            yield Message(("channels", channel, "messages", key), self._follow(message))


def path_of(address: str | None) -> str | None:
    """Return a channel's address as a path below its API, if it can be one."""
    path = f"/{(address or '').removeprefix('/').removesuffix('/')}"
    try:
        _PATH.validate_python({"path": path})
    except ValidationError:
        return None
    return path if address else None
