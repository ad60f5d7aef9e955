"""Frames of a client that break a rule: they go no further, and the connection ends for both."""

from tests.integration.data_plane.conftest import Gate
from tests.support.frames import MASK, client_frame, close_payload, frame
from tests.support.waiting import eventually
from tests.support.wire import Answer, accepting, request, wire, wire_backend

GOOD = client_frame(2, b"good")
MASK_BIT = 0x80


def long_header(width: int, length: int) -> bytes:
    """Return the header of a binary frame with its length in a longer form than may be needed."""
    return bytes((0x82, MASK_BIT | (126 if width == 2 else 127))) + length.to_bytes(width) + MASK


PROTOCOL_ERROR = close_payload(1002, b"protocol_error")
INVALID_PAYLOAD = close_payload(1007, b"invalid_payload")
TOO_BIG = close_payload(1009, b"message_too_big")

BROKEN = {
    "an unmasked frame": (frame(1, b"unmasked"), PROTOCOL_ERROR),
    "a length of 5 in 16 bits": (long_header(2, 5) + b"\0" * 5, PROTOCOL_ERROR),
    "a length of 125 in 16 bits": (long_header(2, 125) + b"\0" * 125, PROTOCOL_ERROR),
    "a length of 5 in 64 bits": (long_header(8, 5) + b"\0" * 5, PROTOCOL_ERROR),
    "a length of 65,535 in 64 bits": (long_header(8, 65_535), PROTOCOL_ERROR),
    "a length of 2^63": (long_header(8, 1 << 63), PROTOCOL_ERROR),
    "a length of 2^64 - 1": (long_header(8, (1 << 64) - 1), PROTOCOL_ERROR),
    "a length of 2^63 - 1": (long_header(8, (1 << 63) - 1), TOO_BIG),
    "reserved bits": (client_frame(2, b"x", rsv=3), PROTOCOL_ERROR),
    "compression that was not agreed on": (client_frame(2, b"x", rsv=4), PROTOCOL_ERROR),
    "a reserved opcode": (client_frame(3, b"x"), PROTOCOL_ERROR),
    "a reserved control opcode": (client_frame(15), PROTOCOL_ERROR),
    "a ping in fragments": (client_frame(9, b"x", fin=False), PROTOCOL_ERROR),
    "a ping of 126 bytes": (client_frame(9, b"x" * 126), PROTOCOL_ERROR),
    "a continuation of nothing": (client_frame(0, b"x"), PROTOCOL_ERROR),
    "a message inside another": (client_frame(2, b"x", fin=False) + client_frame(2, b"y"), PROTOCOL_ERROR),
    "a close of one byte": (client_frame(8, b"x"), PROTOCOL_ERROR),
    "a close reason that is not UTF-8": (client_frame(8, close_payload(1000, b"\xff")), INVALID_PAYLOAD),
    **{
        f"close code {code}": (client_frame(8, close_payload(code)), PROTOCOL_ERROR)
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535)
    },
}


async def holds(heard: bytearray, size: int) -> None:
    await eventually(lambda: len(heard) >= size)


async def test_what_breaks_a_rule_goes_no_further(gate: Gate) -> None:
    """The good frame before it has arrived; behind that the backend hears a Close of the gateway's own, and no more."""
    async with wire_backend(accepting()) as backend:
        gate.world.put_api(backend.url)
        await gate.caught_up()
        for number, (why, (data, close)) in enumerate(BROKEN.items()):
            async with wire(gate.port) as client:
                client.send(request("/echo/1.0", ("Authorization", f"Bearer {gate.world.issuer.token()}")))
                client.send(GOOD + data + GOOD)
                answer = Answer.parse(await client.rest())
            assert (answer.status, answer.rest) == (101, frame(8, close)), why
            heard = backend.behind[number]
            wanted = len(GOOD) + (len(client_frame(2, b"x")) if "inside" in why else 0) + 2 + 4 + 2
            await holds(heard, wanted)
            assert heard.startswith(GOOD), why
            assert (heard[wanted - 8], len(heard)) == (0x88, wanted), why


async def test_nothing_behind_a_close_reaches_the_backend(gate: Gate) -> None:
    close = client_frame(8, close_payload(1000))
    async with wire_backend(accepting(behind=frame(8, close_payload(1000)))) as backend:
        gate.world.put_api(backend.url)
        await gate.caught_up()
        async with wire(gate.port) as client:
            client.send(request("/echo/1.0", ("Authorization", f"Bearer {gate.world.issuer.token()}")))
            client.send(GOOD + close + GOOD + b"GET / HTTP/1.1\r\n\r\n")
            assert Answer.parse(await client.rest()).rest == frame(8, close_payload(1000))
        await eventually(lambda: backend.ended)
        assert bytes(backend.behind[0]) == GOOD + close
