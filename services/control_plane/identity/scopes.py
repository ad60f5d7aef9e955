"""The management scopes, and the roles that bundle them."""

from collections.abc import Mapping
from typing import Final, Literal

Scope = Literal["publisher:read", "publisher:write", "publisher:publish", "store:subscribe", "admin"]

PUBLISHER_READ: Final = "publisher:read"
PUBLISHER_WRITE: Final = "publisher:write"
PUBLISHER_PUBLISH: Final = "publisher:publish"
STORE_SUBSCRIBE: Final = "store:subscribe"
ADMIN: Final = "admin"

BUILTIN_ADMIN: Final = "admin"

ALL_SCOPES: Final[tuple[Scope, ...]] = (PUBLISHER_READ, PUBLISHER_WRITE, PUBLISHER_PUBLISH, STORE_SUBSCRIBE, ADMIN)

BUILTIN_ROLES: Final[Mapping[str, tuple[Scope, ...]]] = {
    BUILTIN_ADMIN: ALL_SCOPES,
    "creator": (PUBLISHER_READ, PUBLISHER_WRITE),
    "publisher": (PUBLISHER_READ, PUBLISHER_WRITE, PUBLISHER_PUBLISH),
    "subscriber": (STORE_SUBSCRIBE,),
}
