"""The OpenID provider that people may sign in at, as the pages know it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import Depends

from services.control_plane.identity.external import ExternalSignInService
from services.control_plane.identity.oidc import Attempt, Provider, ProviderError
from services.control_plane.kit.guesses import Guesses
from services.control_plane.kit.problems import NotFoundError
from services.control_plane.kit.provide import provide

OIDC_PATH: Final = "/sign-in/oidc"
CALLBACK_PATH: Final = "/sign-in/oidc/callback"


@dataclass(frozen=True, slots=True)
class Door:
    """A provider, and the accounts that people have here. Whose answers it doesn't know waits longer and longer."""

    provider: Provider
    sign_ins: ExternalSignInService
    failures: Guesses

    def identify(self, answer: Mapping[str, str], attempt: Attempt, address: str) -> dict[str, Any]:
        """Return the claims about who signed in. Raises `ProviderError`: of each the provider may have been asked."""
        try:
            return self.provider.identify(answer, attempt)
        except ProviderError:
            self.failures.failed(("", address))
            raise


@dataclass(frozen=True, slots=True)
class Doors:
    """One, or none."""

    door: Door | None

    def link(self, place: str) -> tuple[str, str] | None:
        """Return what the provider is called, and the way there that comes back to a place of ours."""
        return (self.door.provider.name, f"{OIDC_PATH}?{urlencode({'next': place})}") if self.door else None


ExternalDoors = Annotated[Doors, Depends(provide(Doors))]


async def _open(doors: ExternalDoors) -> Door:
    if doors.door is None:
        raise NotFoundError
    return doors.door


OpenDoor = Annotated[Door, Depends(_open)]
