"""Rows to what the callers read. Pure."""

from services.control_plane.identity.models import Account, PersonalToken, Role
from services.control_plane.identity.schemas import (
    PersonalTokenCreated,
    PersonalTokenRead,
    RoleRead,
    RoleWrite,
    ServiceAccountCreated,
    ServiceAccountRead,
    UserCreated,
    UserRead,
    UserWrite,
)


def read_service_account(account: Account) -> ServiceAccountRead:
    fields = account.model_dump(include=set(ServiceAccountRead.model_fields))
    return ServiceAccountRead.model_validate({**fields, "roles": role_names(account)})


def show_service_account(account: Account, secret: str) -> ServiceAccountCreated:
    return ServiceAccountCreated(**read_service_account(account).model_dump(), client_secret=secret)


def read_user(account: Account) -> UserRead:
    fields = account.model_dump(include=set(UserRead.model_fields))
    return UserRead.model_validate({**fields, "roles": role_names(account)})


def show_user(account: Account, one_time_password: str | None) -> UserCreated:
    return UserCreated(**read_user(account).model_dump(), one_time_password=one_time_password)


def write_of_user(account: Account) -> UserWrite:
    """Return what a patch starts from."""
    return UserWrite(roles=role_names(account), disabled=account.disabled)


def read_role(role: Role) -> RoleRead:
    return RoleRead.model_validate(role.model_dump(include=set(RoleRead.model_fields)))


def write_of_role(role: Role) -> RoleWrite:
    """Return what a patch starts from."""
    return RoleWrite.model_validate({"scopes": role.scopes})


def role_names(account: Account) -> list[str]:
    return sorted(link.role for link in account.roles)


def read_personal_token(token: PersonalToken) -> PersonalTokenRead:
    return PersonalTokenRead.model_validate(token.model_dump(include=set(PersonalTokenRead.model_fields)))


def show_personal_token(token: PersonalToken, text: str) -> PersonalTokenCreated:
    return PersonalTokenCreated(**read_personal_token(token).model_dump(), token=text)
