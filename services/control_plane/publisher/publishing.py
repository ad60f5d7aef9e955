"""The steps of an API's life: where each leads, and what it asks of the API."""

from dataclasses import dataclass
from typing import Final

from services.control_plane.kit.problems import FieldError, InvalidError
from services.control_plane.publisher.errors import TransitionNotOpenError, cannot_wait
from services.control_plane.publisher.lifecycle import SERVED_STATES, Action, target
from services.control_plane.publisher.models import Api
from services.control_plane.publisher.projection import state_of, write_of
from services.control_plane.publisher.schemas import ApiWrite
from shared.definition import State


@dataclass(frozen=True, slots=True)
class Publishing:
    """What becomes of the older published versions when one is published."""

    takes_over: bool = False
    """Whether their subscriptions are copied."""

    deprecates_older: bool = False


PLAIN: Final = Publishing()


def after_step(api: Api, action: Action) -> State:
    """Return the state that an action leads to. Raises `TransitionNotOpenError` and `InvalidError`."""
    before = state_of(api)
    after = target(before, action)
    if after is None:
        raise TransitionNotOpenError(before, action)
    if after in SERVED_STATES:
        check_publishable(write_of(api), after)
    return after


def check_plain(publishing: Publishing) -> None:
    """Refuse what would be forgotten while a publication waits. Raises `InvalidError`."""
    chosen = {"require_resubscription": publishing.takes_over, "deprecate_older_versions": publishing.deprecates_older}
    if fields := [field for field, is_chosen in chosen.items() if is_chosen]:
        raise cannot_wait(fields)


def check_publishable(body: ApiWrite, state: State) -> None:
    """Refuse to serve what nobody could use. Raises `InvalidError`."""
    errors = []
    mocked = body.endpoints.mocked
    if not any(body.endpoints.urls()) and not mocked:
        errors.append(FieldError("endpoints", "an API that is served needs an endpoint"))
    if "production" in mocked and state != "PROTOTYPED":
        errors.append(FieldError("endpoints.production.mock", "is for prototypes: a published API needs a backend"))
    if not body.policies and body.auth.types != ["none"]:
        errors.append(FieldError("policies", "an API that is served needs a subscription policy, or auth type 'none'"))
    if errors:
        raise InvalidError(errors=errors)
