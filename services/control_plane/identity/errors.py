from typing import ClassVar

from services.control_plane.kit.problems import (
    AlreadyExistsError,
    ConflictError,
    InUseError,
    InvalidError,
    ProblemError,
)
from shared.claims import ALGORITHMS

REALM = 'Bearer realm="framegate"'

_ALGS = f'algs="{" ".join(ALGORITHMS)}"'
"""RFC 9449, section 7.1: tokens may be bound to keys of these kinds."""


class UnauthorizedError(ProblemError):
    """No token, or not a good one (RFC 6750, section 3)."""

    slug: ClassVar[str] = "unauthorized"

    def __init__(self, reason: str | None = None) -> None:
        # RFC 6750, section 3.1: a request without any credentials is told no error code.
        challenge = f'{REALM}, error="invalid_token", error_description="{reason}"' if reason else REALM
        super().__init__(reason, headers={"WWW-Authenticate": f"{challenge}, DPoP {_ALGS}"})


class InvalidProofError(ProblemError):
    """The key that a token is bound to is not proven (RFC 9449, section 7.1)."""

    slug: ClassVar[str] = "proof_invalid"

    def __init__(self) -> None:
        challenge = f'DPoP realm="framegate", error="invalid_dpop_proof", {_ALGS}'
        super().__init__(headers={"WWW-Authenticate": challenge})


class InsufficientScopeError(ProblemError):
    slug: ClassVar[str] = "insufficient_scope"

    def __init__(self, scope: str) -> None:
        challenge = f'{REALM}, error="insufficient_scope", scope="{scope}"'
        super().__init__(f"The scope {scope} is needed.", headers={"WWW-Authenticate": challenge})


class PlatformOnlyError(ProblemError):
    slug: ClassVar[str] = "platform_only"

    def __init__(self) -> None:
        super().__init__("It is there once for all organisations: ask an administrator of the platform.")


class AccountExistsError(AlreadyExistsError):
    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"There is a {kind} {name} already.")


class RoleExistsError(AlreadyExistsError):
    def __init__(self, name: str) -> None:
        super().__init__(f"There is a role {name} already.")


class RoleInUseError(InUseError):
    def __init__(self) -> None:
        super().__init__("Accounts or APIs still have the role.")


class LastAdministratorError(ConflictError):
    def __init__(self) -> None:
        super().__init__("Nobody would be left who may administer: give the scope admin to another user first.")


class TooManyTokensError(ConflictError):
    def __init__(self, limit: int) -> None:
        super().__init__(f"There are {limit} tokens already: revoke one that is not needed.")


def not_your_scope(field: str, scope: str) -> InvalidError:
    return InvalidError.of(field, f"you don't have {scope} yourself")


def unknown_role(field: str, name: str) -> InvalidError:
    return InvalidError.of(field, f"there is no role {name!r}")


def unknown_organisation(name: str) -> InvalidError:
    return InvalidError.of("organisation", f"there is no organisation {name!r} that you could put somebody into")
