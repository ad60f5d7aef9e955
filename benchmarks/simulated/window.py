"""What throttle/window.lua does, in Python: a test compares them."""

import math
from dataclasses import dataclass


@dataclass(slots=True)
class Window:
    """The counter of one limit."""

    start: int = 0
    window_ms: int = 0
    spent: int = 0

    def lease(
        self, now: int, amount: int, window_ms: int, wanted: int, least: int, returned: int = 0, mark: int = 0
    ) -> list[int]:
        """Grant a share of what is left, and take back what an earlier lease left over."""
        start = now - now % window_ms
        if now < self.start + self.window_ms:
            if mark == self.start:
                self.spent = max(0, self.spent - returned)
            if self.window_ms == window_ms:
                start = self.start
        else:
            self.spent = 0
        left = amount - self.spent
        granted = min(wanted, max(least, left // 8))
        if granted > left:
            granted = 0
        self.start, self.window_ms, self.spent = start, window_ms, self.spent + granted
        left_ms = start + window_ms - now
        return [granted, start, max(0, math.floor(left_ms * 0.999) - 1), self.spent, left_ms]
