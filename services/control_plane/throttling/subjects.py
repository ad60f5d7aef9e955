"""Whom an override is for: APIs and applications, of which the layers above know."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Final

from sqlmodel import Session

from services.control_plane.kit.problems import FieldError, InvalidError
from services.control_plane.throttling.schemas import PolicyWrite
from shared.limits import Level, Override

Lookup = Callable[[Session, str], bool]

_COUNTED_BY: Final[dict[Level, tuple[str, ...]]] = {
    "subscription": ("api_id", "application_id"),
    "application": ("application_id",),
    "api": ("api_id",),
}


@dataclass(frozen=True, slots=True)
class Subjects:
    """How the layers above tell whether there is an API, or an application, of an id."""

    has_api: Lookup
    has_application: Lookup

    def check(self, session: Session, body: PolicyWrite, kept: Collection[Override] = ()) -> None:
        """Refuse overrides for what is not there, or not counted on the policy's level. Raises `InvalidError`.

        Overrides that were `kept` may outlive their subject: a policy can be changed even so.
        """
        errors = list(self._find_errors(session, body, {(item.api_id, item.application_id) for item in kept}))
        if errors:
            raise InvalidError(errors=errors)

    def _find_errors(
        self, session: Session, body: PolicyWrite, kept: Collection[tuple[str | None, str | None]]
    ) -> Iterator[FieldError]:
        for index, override in enumerate(body.overrides):
            for field, id_, has, kind in (
                ("api_id", override.api_id, self.has_api, "API"),
                ("application_id", override.application_id, self.has_application, "application"),
            ):
                place = f"overrides.{index}.{field}"
                if id_ is None:
                    continue
                if field not in _COUNTED_BY[body.level]:
                    wanted = " or ".join(_COUNTED_BY[body.level])
                    yield FieldError(place, f"a policy of level {body.level} can be overridden by {wanted} only")
                elif (override.api_id, override.application_id) not in kept and not has(session, id_):
                    yield FieldError(place, f"there is no {kind} of this id")
