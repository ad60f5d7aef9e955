"""permessage-deflate (RFC 7692), negotiated between client and backend: the gateway looks, and keeps both honest."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from websockets.exceptions import InvalidHeader
from websockets.headers import build_extension, parse_extension
from websockets.typing import ExtensionHeader, ExtensionName, ExtensionParameter

NAME = ExtensionName("permessage-deflate")
_CLIENT_NO_TAKEOVER = "client_no_context_takeover"
_SERVER_NO_TAKEOVER = "server_no_context_takeover"
_FLAGS = {_SERVER_NO_TAKEOVER, _CLIENT_NO_TAKEOVER}
_STANDS_ALONE = {"publish": _CLIENT_NO_TAKEOVER, "subscribe": _SERVER_NO_TAKEOVER}
_WINDOWS = {"server_max_window_bits", "client_max_window_bits"}
_WINDOW_BITS = {str(bits) for bits in range(8, 16)}


class Agreement(NamedTuple):
    """What the backend answered. Droppable is a direction whose messages may vanish without harm to the next one."""

    header: str = ""
    publish_droppable: bool = True
    subscribe_droppable: bool = True

    @property
    def deflate(self) -> bool:
        return bool(self.header)


_NONE = Agreement()


def choose_offers(header: str, droppable: Collection[str]) -> str:
    """Return what to offer the backend: of the client's offers only permessage-deflate, which the relay understands.

    In the directions that are `droppable` each message is to stand alone (RFC 7692, section 7.1.1). Raises
    `InvalidHeader`.
    """
    if not header:
        return ""
    offers = [parameters for name, parameters in _parse(header) if name == NAME]
    for direction in droppable:
        offers = [_add(parameters, (_STANDS_ALONE[direction], None)) for parameters in offers]
    return build_extension([(NAME, parameters) for parameters in offers])


def read_answer(header: str, offers: str) -> Agreement | None:
    """Return what was agreed, or None where the answer breaks the rules or was not offered (RFC 7692, section 7.1)."""
    if not header:
        return _NONE
    try:
        accepted = _parse(header)
        offered = _parse(offers)
    except InvalidHeader:
        return None
    if len(accepted) != 1 or accepted[0][0] != NAME or not offered:
        return None
    parameters = dict(accepted[0][1])
    if len(parameters) != len(accepted[0][1]) or not all(_is_valid(*item) for item in parameters.items()):
        return None
    if "client_max_window_bits" in parameters and not any(
        name == "client_max_window_bits" for _, offer in offered for name, _ in offer
    ):
        return None
    return Agreement(header, _CLIENT_NO_TAKEOVER in parameters, _SERVER_NO_TAKEOVER in parameters)


def _parse(header: str) -> list[ExtensionHeader]:
    return parse_extension(header) if header else []


def _add(parameters: Sequence[ExtensionParameter], extra: ExtensionParameter) -> Sequence[ExtensionParameter]:
    return parameters if extra in parameters else [*parameters, extra]


def _is_valid(name: str, value: str | None) -> bool:
    return value is None if name in _FLAGS else name in _WINDOWS and value in _WINDOW_BITS
