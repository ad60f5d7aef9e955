from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FrameError:
    """A rule of RFC 6455 that a peer broke, and the close code for it. A value: two directions can fail at once."""

    code: int
    why: str
