"""How much a page has room for. By references even a small document may say the same at great length."""

import json
from typing import Any, Final

ENTRIES: Final = 600
CHARACTERS: Final = 100_000


class PageRoom:
    """Counts what a page shows: its entries, and the characters of all texts."""

    def __init__(self) -> None:
        self._entries = ENTRIES
        self._characters = CHARACTERS
        self._texts: dict[int, str] = {}

    @property
    def is_full(self) -> bool:
        return self._entries <= 0 or self._characters <= 0

    def take(self) -> bool:
        """Take the room of one more entry, and return whether there was any."""
        if self.is_full:
            return False
        self._entries -= 1
        return True

    def text(self, value: Any, most: int) -> str:
        """Return a text for the page, cut after so many characters."""
        text = "" if value is None else self.whole(value)
        text = f"{text[:most]} …" if len(text) > most else text
        self._characters -= len(text)
        return text

    def whole(self, value: Any) -> str:
        """Return all of a value of the document. It is written once, however often the document refers to it."""
        if isinstance(value, str):
            return value
        if not isinstance(value, dict | list):
            return json.dumps(value, default=str)
        if id(value) not in self._texts:
            self._texts[id(value)] = json.dumps(value, indent=2, ensure_ascii=False, default=str)
        return self._texts[id(value)]
