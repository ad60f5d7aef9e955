from collections.abc import Sequence
from typing import ClassVar

from services.control_plane.kit.problems import (
    AlreadyExistsError,
    ConflictError,
    FieldError,
    InUseError,
    InvalidError,
    NotFoundError,
    ProblemError,
)
from services.control_plane.publisher.lifecycle import TRANSITIONS, Action
from shared.definition import State


class ApiExistsError(AlreadyExistsError):
    def __init__(self) -> None:
        super().__init__("There is an API of this context and version, or of this name and version, already.")


class CategoryExistsError(AlreadyExistsError):
    def __init__(self) -> None:
        super().__init__("There is a category of this name already.")


class CategoryInUseError(InUseError):
    def __init__(self) -> None:
        super().__init__("APIs are in the category.")


class DocumentExistsError(AlreadyExistsError):
    def __init__(self) -> None:
        super().__init__("The API has a document of this name already.")


class TooManyDocumentsError(ConflictError):
    def __init__(self, limit: int) -> None:
        super().__init__(f"An API has {limit} documents at most. Delete one that nobody reads.")


class NoFileError(ConflictError):
    def __init__(self) -> None:
        super().__init__("The document's source is not a file.")


class ApiInUseError(InUseError):
    def __init__(self) -> None:
        super().__init__("The API has subscriptions.")


class ForeignDefaultError(ConflictError):
    def __init__(self) -> None:
        super().__init__(
            "Another version of the context is the default, and you don't maintain it. Ask its owner or an "
            "administrator to take the default from it first, or leave out default."
        )


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


def cannot_wait(fields: Sequence[str]) -> InvalidError:
    message = "can't be asked for where publications are approved: publish again with it once this one is"
    return InvalidError(errors=[FieldError(field, message) for field in fields])


def unknown_role(field: str, name: str) -> InvalidError:
    return InvalidError.of(field, f"there is no role {name!r}")


def unknown_category(index: int, name: str) -> InvalidError:
    return InvalidError.of(f"categories.{index}", f"there is no category {name!r}: an administrator can add it")


def unknown_issuer(index: int, name: str) -> InvalidError:
    return InvalidError.of(f"issuers.{index}", f"there is no issuer {name!r}: an administrator can add it")


def no_document() -> NotFoundError:
    return NotFoundError("There is no such document.")


def no_file() -> NotFoundError:
    return NotFoundError("There is no file yet.")


def no_picture() -> InvalidError:
    return InvalidError.of("body", "must be a picture: PNG, JPEG or WebP")


def too_long(limit: int) -> InvalidError:
    return InvalidError.of("body", f"must be of 1 to {limit} bytes")


def too_much_html(limit: int) -> InvalidError:
    return InvalidError.of("markdown", f"would be HTML of more than {limit} characters: make tables and links fewer")


def unknown_environment(index: int, name: str) -> InvalidError:
    return InvalidError.of(f"environments.{index}", f"there is no environment {name!r}: an administrator can add it")


def nothing_to_keep(field: str) -> InvalidError:
    return InvalidError.of(field, "is not set yet: true keeps what is set")
