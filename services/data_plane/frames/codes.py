"""Opcodes and close codes of RFC 6455."""

from typing import Final

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

NORMAL: Final = 1000
GOING_AWAY: Final = 1001
PROTOCOL_ERROR: Final = 1002
NO_STATUS: Final = 1005
ABNORMAL: Final = 1006  # for the books only: no frame carries it
INVALID_PAYLOAD: Final = 1007
MESSAGE_TOO_BIG: Final = 1009
UPSTREAM_LOST: Final = 1011

MAX_CONTROL_PAYLOAD: Final = 125  # RFC 6455, section 5.5
MAX_REASON_BYTES: Final = MAX_CONTROL_PAYLOAD - 2

_ON_THE_WIRE: Final = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})


def may_travel(code: int) -> bool:
    """Tell whether a Close frame may carry this code (section 7.4: 1004, 1005, 1006 and 1015 may not)."""
    return code in _ON_THE_WIRE or 3000 <= code <= 4999
