"""Names of channels, messages and operations that we make up."""

import re
from collections.abc import Mapping
from typing import Any, Final

_NOT_IN_NAME: Final = re.compile(r"[^A-Za-z0-9]+")


def name_channel(address: str) -> str:
    """Return a name that stands in references as it is: `rooms-id` of `/rooms/{id}`."""
    return _NOT_IN_NAME.sub("-", address).strip("-") or "root"


def free_name(wanted: str, taken: Mapping[str, Any]) -> str:
    """Return the name wanted, or one like it where that is taken."""
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}-{number}"
    return name
