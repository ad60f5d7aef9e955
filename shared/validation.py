"""What the messages of an API look like, and what happens to those that don't."""

from typing import Final, Literal

from pydantic import Field

from shared.contract import Contract

OnInvalid = Literal["off", "report", "close", "drop"]

MAX_CHECKED_BYTES: Final = 256 * 1024
"""The largest message that is checked. An API that asks for checks has no larger ones in that direction."""

MAX_PATTERN_BYTES: Final = 16 * 1024
"""Of a compiled pattern: with it, a pattern's time grows with the text, and with this at most."""


class MessageSchema(Contract):
    """A JSON Schema as JSON, which stands alone and says its dialect in `$schema`.

    `parts` is how many keywords and values it has, `patterns` how many regular expressions, with what it refers to in
    the place of each reference: what a check may cost.
    """

    text: str
    parts: int = Field(ge=0)
    patterns: int = Field(default=0, ge=0)


class ChannelMessages(Contract):
    """Which of the schemas the messages on a path have, by direction. No path is every path that no other one is."""

    path: str | None = None
    publish: tuple[int, ...] = ()
    subscribe: tuple[int, ...] = ()


class Validation(Contract):
    """What happens to a message that has none of its channel's schemas, by direction."""

    publish: OnInvalid = "off"
    subscribe: OnInvalid = "off"
    schemas: tuple[MessageSchema, ...] = ()
    channels: tuple[ChannelMessages, ...] = ()
