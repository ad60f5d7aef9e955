from collections.abc import Iterable, Sequence
from typing import ClassVar

from services.control_plane.kit.problems import (
    AlreadyExistsError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    ProblemError,
)
from services.control_plane.store.models import Application
from shared.definition import State


class ApplicationExistsError(AlreadyExistsError):
    def __init__(self, name: str) -> None:
        super().__init__(f"You have an application {name} already.")


class KeyExistsError(AlreadyExistsError):
    def __init__(self, key_type: str) -> None:
        super().__init__(f"The application has a key of type {key_type} already.")


class TooManyApplicationsError(ConflictError):
    def __init__(self, limit: int) -> None:
        super().__init__(f"An account has {limit} applications at most. Delete one that is not used.")


class TooManyApiKeysError(ConflictError):
    def __init__(self, limit: int) -> None:
        super().__init__(f"An application has {limit} API keys at most. Delete one that is not used.")


class SubscriptionExistsError(AlreadyExistsError):
    def __init__(self) -> None:
        super().__init__("The application is subscribed to this API already.")


class TooManyExternalKeysError(ConflictError):
    def __init__(self, limit: int) -> None:
        super().__init__(f"An application has {limit} external keys at most. Delete one that is not used.")


class ExternalKeyExistsError(AlreadyExistsError):
    def __init__(self) -> None:
        super().__init__("This client is mapped to an application already.")


class NotSubscribableError(ConflictError):
    def __init__(self, state: State) -> None:
        reason = "needs no subscription" if state == "PROTOTYPED" else "takes no new subscriptions"
        super().__init__(f"An API in state {state} {reason}.")


class TooManyCommentsError(ProblemError):
    slug: ClassVar[str] = "too_many_requests"

    def __init__(self, limit: int, window_seconds: int) -> None:
        super().__init__(f"{limit} comments an hour are enough.", headers={"Retry-After": str(window_seconds)})


class NotYoursError(ForbiddenError):
    def __init__(self) -> None:
        super().__init__("Only who wrote a comment deletes it here.")


class NotApprovedError(ConflictError):
    def __init__(self) -> None:
        super().__init__("The application is not approved: until an administrator approves it, it gets no keys.")


class RejectedError(ConflictError):
    def __init__(self, what: str) -> None:
        super().__init__(f"The {what} was rejected. Delete it, and ask for another.")


def check_approved(application: Application) -> None:
    """Raise `NotApprovedError` where an application has no right yet, or none."""
    if application.approval:
        raise NotApprovedError


class TooManySubscriptionsError(ConflictError):
    def __init__(self, limit: int) -> None:
        super().__init__(f"More than {limit} subscriptions can't be moved or copied at once.")


def no_version(field: str) -> InvalidError:
    return InvalidError.of(field, "there is no such other version of the API")


def must_be_asked_for(field: str) -> InvalidError:
    return InvalidError.of(
        field,
        "administrators approve subscriptions: subscribe to that version, and delete this one once that is approved",
    )


def not_published(field: str, state: str) -> InvalidError:
    return InvalidError.of(field, f"must be published: it is {state}")


def policies_missing(field: str, names: Sequence[str]) -> InvalidError:
    return InvalidError.of(field, f"the version does not offer what subscriptions are under: {', '.join(names)}")


def no_application() -> NotFoundError:
    return NotFoundError("There is no such application.")


def no_api() -> NotFoundError:
    return NotFoundError("There is no such API.")


def no_snippet(languages: Iterable[str]) -> NotFoundError:
    return NotFoundError(f"There are snippets for: {', '.join(languages)}.")


def no_key(key_type: str) -> NotFoundError:
    return NotFoundError(f"The application has no key of type {key_type}.")


def no_api_key() -> NotFoundError:
    return NotFoundError("The application has no such API key.")


def no_external_key() -> NotFoundError:
    return NotFoundError("The application has no such external key.")


def unknown_issuer(name: str) -> InvalidError:
    return InvalidError.of("issuer", f"there is no issuer {name!r}")


def proves_nothing(reason: str) -> InvalidError:
    return InvalidError.of("token", f"is refused: {reason}")


def key_type_stays() -> InvalidError:
    return InvalidError.of("key_type", "can't be changed: make another key")


def policy_not_offered(name: str, offered: Sequence[str]) -> InvalidError:
    return InvalidError.of("policy", f"the API does not offer {name!r}, but: {', '.join(offered) or 'none'}")


def scopes_not_allowed(names: Sequence[str]) -> InvalidError:
    return InvalidError.of("scopes", f"the key does not have: {', '.join(names)}")
