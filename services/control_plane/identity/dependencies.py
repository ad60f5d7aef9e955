"""Who calls, as routes ask for it."""

from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from services.control_plane.identity.authenticator import Authenticator
from services.control_plane.identity.bearer import Credential
from services.control_plane.identity.errors import InsufficientScopeError, PlatformOnlyError, UnauthorizedError
from services.control_plane.identity.people import PeopleService
from services.control_plane.identity.personal_tokens import PersonalTokenService
from services.control_plane.identity.principal import Principal
from services.control_plane.identity.roles import RoleService
from services.control_plane.identity.scopes import (
    ADMIN,
    PUBLISHER_PUBLISH,
    PUBLISHER_READ,
    PUBLISHER_WRITE,
    STORE_SUBSCRIBE,
)
from services.control_plane.identity.service import AccountService
from services.control_plane.identity.sign_in import SignInService
from services.control_plane.identity.totals import Totals
from services.control_plane.kit.provide import provide
from services.control_plane.kit.routing import SAFE_METHODS
from services.control_plane.kit.unit_of_work import Unit

_BEARER: Final = HTTPBearer(auto_error=False, description="an access token from /oauth2/token")


async def _read_credential(
    request: Request, bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
) -> Credential | None:
    """Return the token that came, as a bearer token or with the proof of a key (RFC 9449, section 7.1)."""
    method, path = request.method, request.scope["raw_path"].decode("latin-1")
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "dpop" and token:
        return Credential(token.strip(), tuple(request.headers.getlist("dpop")), method, path)
    return Credential(bearer.credentials, None, method, path) if bearer else None


Credentials = Annotated[Credential | None, Depends(_read_credential)]
Accounts = Annotated[AccountService, Depends(provide(AccountService))]
People = Annotated[PeopleService, Depends(provide(PeopleService))]
KnownTotals = Annotated[Totals, Depends(provide(Totals))]
Roles = Annotated[RoleService, Depends(provide(RoleService))]
SignIns = Annotated[SignInService, Depends(provide(SignInService))]
PersonalTokens = Annotated[PersonalTokenService, Depends(provide(PersonalTokenService))]
Authentication = Annotated[Authenticator, Depends(provide(Authenticator))]


def _require_caller(credentials: Credentials, unit: Unit, authenticator: Authentication) -> Principal:
    if credentials is None:
        raise UnauthorizedError
    principal = authenticator.authenticate(credentials)
    unit.act_for(principal.account_id, principal.organisation)
    return principal


Caller = Annotated[Principal, Depends(_require_caller)]


class Requires:
    """A dependency: the caller, who must have a scope."""

    def __init__(self, scope: str) -> None:
        self._scope = scope

    def __call__(self, credentials: Credentials, unit: Unit, authenticator: Authentication) -> Principal:
        principal = _require_caller(credentials, unit, authenticator)
        if self._scope not in principal.scopes:
            raise InsufficientScopeError(self._scope)
        return principal


def find_caller(credentials: Credentials, unit: Unit, authenticator: Authentication) -> Principal | None:
    """Return the caller, or None where there is no token: a bad one is refused even so."""
    return None if credentials is None else _require_caller(credentials, unit, authenticator)


def check_platform(caller: Principal) -> None:
    """Raise `PlatformOnlyError` for an administrator of an organisation other than the platform's."""
    if not caller.is_of_platform:
        raise PlatformOnlyError


def require_operator(caller: Annotated[Principal, Depends(Requires(ADMIN))], unit: Unit) -> Principal:
    """Return an administrator of the platform, who sees what belongs to whatever organisation."""
    check_platform(caller)
    unit.see_all()
    return caller


def require_operator_to_write(
    caller: Annotated[Principal, Depends(Requires(ADMIN))], unit: Unit, request: Request
) -> None:
    """Let administrators read, and those of the platform see all and write."""
    if request.method not in SAFE_METHODS:
        check_platform(caller)
    if caller.is_of_platform:
        unit.see_all()


MayReadApis = Annotated[Principal, Depends(Requires(PUBLISHER_READ))]
MayWriteApis = Annotated[Principal, Depends(Requires(PUBLISHER_WRITE))]
MayPublishApis = Annotated[Principal, Depends(Requires(PUBLISHER_PUBLISH))]
MaySubscribe = Annotated[Principal, Depends(Requires(STORE_SUBSCRIBE))]
MayAdminister = Annotated[Principal, Depends(Requires(ADMIN))]
MayOperate = Annotated[Principal, Depends(require_operator)]
AnyCaller = Annotated[Principal | None, Depends(find_caller)]
