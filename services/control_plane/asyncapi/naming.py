"""Names of channels, messages and operations that we make up."""

import re
from collections.abc import Container
from typing import Final

_NOT_IN_NAME: Final = re.compile(r"[^A-Za-z0-9]+")


def name_channel(address: str) -> str:
    """Return a name that stands in references as it is: `rooms-id` of `/rooms/{id}`."""
    return _NOT_IN_NAME.sub("-", address).strip("-") or "root"


class Names:
    """Names beside those that are taken. However many are alike, each costs the same."""

    def __init__(self, taken: Container[str]) -> None:
        self._taken = taken
        self._numbers: dict[str, int] = {}

    def find_free(self, wanted: str) -> str:
        """Return the name wanted, or one like it where that is taken."""
        name, number = wanted, self._numbers.get(wanted, 1)
        while name in self._taken:
            number += 1
            name = f"{wanted}-{number}"
        self._numbers[wanted] = number
        return name
