"""What there is, as a manifest that would make it again."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from sqlmodel import Session

from services.control_plane.apply.documents import entry_of
from services.control_plane.apply.errors import TooLongError, TooMuchError
from services.control_plane.apply.schemas import MAX_ENTRIES, Manifest
from services.control_plane.asyncapi import repository as asyncapi_repository
from services.control_plane.identity.principal import Principal
from services.control_plane.identity.scopes import ADMIN, STORE_SUBSCRIBE
from services.control_plane.kit.data_urls import write_data_url
from services.control_plane.kit.documents import MAX_BYTES
from services.control_plane.publisher import file_repository
from services.control_plane.publisher import repository as publisher_repository
from services.control_plane.publisher.projection import write_of as write_of_api
from services.control_plane.store import repository as store_repository
from services.control_plane.store.projection import write_of_application
from services.control_plane.throttling import repository as policy_repository
from services.control_plane.throttling.builtin import builtin_policies
from services.control_plane.throttling.projection import write_of as write_of_policy
from services.control_plane.throttling.schemas import PolicyBody
from shared.limits import PolicyName, policy_id

T = TypeVar("T")

_FETCHED: Final = MAX_ENTRIES + 1

_ORIGINALS: Final[Mapping[str, PolicyBody]] = {
    policy_id(level, PolicyName(name)): PolicyBody.model_validate(
        {"level": level, "name": name, "limits": [limit.model_dump() for limit in limits]}
    )
    for level, name, limits in builtin_policies()
}


def export(session: Session, caller: Principal, *, files: bool) -> Manifest:
    """Return what the caller owns, and the policies for an administrator. Raises `TooMuchError` and `TooLongError`."""
    sections: dict[str, Any] = {"apis": _list_apis(session, caller.account_id, files=files)}
    if ADMIN in caller.scopes and caller.is_of_platform:
        sections["policies"] = _list_policies(session)
    if STORE_SUBSCRIBE in caller.scopes:
        applications = store_repository.all_applications(session, caller.account_id)
        sections["applications"] = [write_of_application(row) for row in _bounded(applications, "applications")]
        sections["subscriptions"] = _list_subscriptions(session, caller.account_id)
    return Manifest.model_validate(sections)


def _list_apis(session: Session, owner: str, *, files: bool) -> list[dict[str, Any]]:
    rows = _bounded(publisher_repository.list_owned(session, owner, _FETCHED), "APIs")
    ids = [row.id for row in rows]
    bytes_ = file_repository.count_bytes(session, ids) * 4 // 3 if files else 0  # in base64
    if (
        bytes_ + file_repository.count_characters(session, ids) + asyncapi_repository.count_characters(session, ids)
        > MAX_BYTES
    ):
        raise TooLongError(MAX_BYTES)
    asyncapi = asyncapi_repository.find_all(session, ids)
    thumbnails = file_repository.thumbnails_of(session, ids) if files else {}
    documents = _list_documents(session, ids, files=files)
    return [
        {
            **write_of_api(row).model_dump(),
            "state": row.state,
            "asyncapi": asyncapi.get(row.id),
            "documents": documents.get(row.id),
            "thumbnail": write_data_url(thumbnails[row.id], row.thumbnail or "") if row.id in thumbnails else None,
        }
        for row in rows
    ]


def _list_documents(session: Session, api_ids: Sequence[str], *, files: bool) -> dict[str, list[dict[str, Any]]]:
    """Return the documents of APIs, by API."""
    contents = file_repository.files_of(session, api_ids) if files else {}
    found: dict[str, list[dict[str, Any]]] = {}
    for document in file_repository.documents_of(session, api_ids):
        found.setdefault(document.api_id, []).append(entry_of(document, contents.get(document.id)))
    return found


def _list_policies(session: Session) -> list[PolicyBody]:
    """Return all policies but the built-in ones that nobody changed."""
    rows = _bounded(policy_repository.list_all(session, _FETCHED), "policies")
    bodies = {row.id: PolicyBody.model_validate(write_of_policy(row).model_dump(exclude={"overrides"})) for row in rows}
    return [body for id_, body in bodies.items() if body != _ORIGINALS.get(id_)]


def _list_subscriptions(session: Session, owner: str) -> list[dict[str, str]]:
    found = _bounded(store_repository.all_subscriptions(session, owner, _FETCHED), "subscriptions")
    return [
        {"application": application.name, "api": api.name, "version": api.version, "policy": row.policy}
        for row, application, api in found
    ]


def _bounded(rows: Sequence[T], what: str) -> Sequence[T]:
    if len(rows) > MAX_ENTRIES:
        raise TooMuchError(what, MAX_ENTRIES)
    return rows
