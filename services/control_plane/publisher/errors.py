from typing import ClassVar

from services.control_plane.kit.problems import (
    AlreadyExistsError,
    ConflictError,
    InUseError,
    InvalidError,
    ProblemError,
)
from services.control_plane.publisher.lifecycle import TRANSITIONS, Action
from shared.definition import State


class ApiExistsError(AlreadyExistsError):
    def __init__(self) -> None:
        super().__init__("There is an API of this context and version, or of this name and version, already.")


class ApiInUseError(InUseError):
    def __init__(self) -> None:
        super().__init__("The API has subscriptions.")


class TransitionNotOpenError(ProblemError):
    slug: ClassVar[str] = "transition_not_open"

    def __init__(self, state: State, action: Action) -> None:
        actions = [transition.action for transition in TRANSITIONS[state]]
        super().__init__(
            f"{action} is not open from {state}; open are: {', '.join(actions) or 'none'}.", state=state, open=actions
        )


class PublicationPendingError(ConflictError):
    def __init__(self) -> None:
        super().__init__("This waits for an administrator's approval already.")


class SecretsLostError(ConflictError):
    def __init__(self) -> None:
        super().__init__(
            "What is sealed was sealed with another FRAMEGATE_SECRET_KEY: set the backend's secrets again."
        )


def ambiguous_context(other: str) -> InvalidError:
    return InvalidError.of("context", f"clients could not tell it from the API at {other}")


def foreign_context() -> InvalidError:
    return InvalidError.of("context", "somebody else has APIs in it")


def cannot_change(field: str) -> InvalidError:
    return InvalidError.of(field, "can't be changed: make another version, or another API")


def unknown_role(index: int, name: str) -> InvalidError:
    return InvalidError.of(f"roles.{index}", f"there is no role {name!r}")


def unknown_issuer(index: int, name: str) -> InvalidError:
    return InvalidError.of(f"issuers.{index}", f"there is no issuer {name!r}: an administrator can add it")


def nothing_to_keep(field: str) -> InvalidError:
    return InvalidError.of(field, "is not set yet: true keeps what is set")
