"""Rows to what the callers read. Pure."""

from services.control_plane.identity.models import Account
from services.control_plane.identity.schemas import ServiceAccountCreated, ServiceAccountRead


def read_service_account(account: Account) -> ServiceAccountRead:
    fields = account.model_dump(include=set(ServiceAccountRead.model_fields))
    return ServiceAccountRead.model_validate({**fields, "roles": sorted(link.role for link in account.roles)})


def show_service_account(account: Account, secret: str) -> ServiceAccountCreated:
    return ServiceAccountCreated(**read_service_account(account).model_dump(), client_secret=secret)
