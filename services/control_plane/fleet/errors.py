from typing import ClassVar

from services.control_plane.kit.problems import InvalidError, ProblemError, UnavailableError


class RenewalRefusedError(ProblemError):
    """A connection that doesn't go on with the token that it was offered."""

    slug: ClassVar[str] = "renewal_refused"

    def __init__(self, reason: str, detail: str | None) -> None:
        super().__init__(detail, reason=reason)


def pods_unavailable() -> UnavailableError:
    return UnavailableError("Redis, by which pods are asked, does not answer.", headers={"Retry-After": "1"})


def pods_silent(count: int) -> UnavailableError:
    detail = f"{count} workers of the pods did not answer, and may have the connection."
    return UnavailableError(detail, headers={"Retry-After": "1"})


def too_many() -> InvalidError:
    return InvalidError.of("all", "name what to close by filters, or say all=true to close every connection")
