from collections.abc import Callable
from dataclasses import dataclass

from sqlmodel import Session

from services.control_plane.identity.models import Account

Hook = Callable[[Session, Account], None]


@dataclass(frozen=True, slots=True)
class AccountHooks:
    """What the layers above do when accounts come and go, or are disabled or enabled."""

    created: Hook
    changed: Hook
    deleted: Hook
