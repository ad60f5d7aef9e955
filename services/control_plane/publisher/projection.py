"""Rows to what the pods and the callers read. Pure."""

from collections.abc import Sequence
from typing import Any, cast

from services.control_plane.publisher.backend_schemas import Kept
from services.control_plane.publisher.lifecycle import KNOWN_TO_PODS, TRANSITIONS, Action
from services.control_plane.publisher.messages import Described
from services.control_plane.publisher.metadata_schemas import CategoryRead
from services.control_plane.publisher.models import Api, Category, LifecycleEvent
from services.control_plane.publisher.schemas import (
    ApiRead,
    ApiWrite,
    LifecycleEventRead,
    LifecycleRead,
    TransitionRead,
)
from shared.definition import ApiDefinition, ApiId, PathDefinition, State
from shared.limits import PolicyName


def read_category(category: Category) -> CategoryRead:
    return CategoryRead.model_validate(category.model_dump())


def state_of(api: Api) -> State:
    return cast("State", api.state)


def define_api(api: Api, described: Described | None = None) -> ApiDefinition | None:
    """Return the API as the pods serve it, or None while they must not know of it."""
    state = state_of(api)
    if state not in KNOWN_TO_PODS:
        return None
    described = described or Described()
    return ApiDefinition(
        id=ApiId(api.id),
        name=api.name,
        context=api.context,
        version=api.version,
        default=api.is_default,
        state=state,
        endpoints=api.endpoints,
        mock=described.mock,
        auth=api.auth,
        issuers=tuple(issuers_of(api)),
        paths=tuple(map(PathDefinition.model_validate, api.paths)),
        api_policy=_policy_name(api.api_policy_id),
        anonymous_policy=_policy_name(api.anonymous_policy_id),
        origins=tuple(api.origins),
        max_message_bytes=api.max_message_bytes,
        validation=described.validation,
        idle_timeout_seconds=api.idle_timeout_seconds,
        max_connection_age_seconds=api.max_connection_age_seconds,
        ping_interval_seconds=api.ping_interval_seconds,
        close_at_expiry=api.close_at_expiry,
        expiry_grace_seconds=api.expiry_grace_seconds,
        set_headers=api.set_headers,
        forward_cookies=api.forward_cookies,
        backend_assertion=api.backend_assertion,
        ca_certificate=api.ca_certificate,
        sealed_client_certificate=api.sealed_client_certificate,
        sealed_backend_credentials=api.sealed_backend_credentials,
        environments=tuple(environments_of(api)),
    )


def write_of(api: Api) -> ApiWrite:
    """Return the body that would put the API as it is: what a patch or a copy starts from."""
    return ApiWrite.model_validate(_fields(api))


def read_api(api: Api, owner_name: str | None = None) -> ApiRead:
    known = {
        "id": api.id,
        "state": api.state,
        "owner": api.owner,
        "thumbnail": api.thumbnail is not None,
        "owner_name": owner_name,
        "created_at": api.created_at,
        "updated_at": api.updated_at,
    }
    return ApiRead.model_validate({**_fields(api), **known})


def read_lifecycle(api: Api, history: Sequence[LifecycleEvent]) -> LifecycleRead:
    state = state_of(api)
    return LifecycleRead(
        state=state,
        pending=cast("Action | None", api.pending_action),
        transitions=[TransitionRead(action=action, to=to) for action, to in TRANSITIONS[state]],
        history=[LifecycleEventRead.model_validate(event.model_dump()) for event in history],
    )


def _fields(api: Api) -> dict[str, object]:
    return {
        "name": api.name,
        "context": api.context,
        "version": api.version,
        "default": api.is_default,
        "description": api.description,
        "tags": sorted(link.tag for link in api.tags),
        **metadata_of(api),
        "maintainers": sorted(link.role for link in api.maintainers),
        "endpoints": api.endpoints.model_dump() | {environment: {"mock": True} for environment in api.mocked},
        "policies": sorted(link.name for link in api.policies),
        "api_policy": _policy_name(api.api_policy_id),
        "anonymous_policy": _policy_name(api.anonymous_policy_id),
        "auth": api.auth.model_dump(),
        "issuers": issuers_of(api),
        "paths": api.paths,
        "visibility": api.visibility,
        "roles": sorted(link.role for link in api.roles),
        "environments": environments_of(api),
        "origins": api.origins,
        "max_message_bytes": api.max_message_bytes.model_dump(),
        "validation": api.validation,
        "idle_timeout_seconds": api.idle_timeout_seconds,
        "max_connection_age_seconds": api.max_connection_age_seconds,
        "ping_interval_seconds": api.ping_interval_seconds,
        "close_at_expiry": api.close_at_expiry,
        "expiry_grace_seconds": api.expiry_grace_seconds,
        "set_headers": api.set_headers,
        "forward_cookies": api.forward_cookies,
        "backend_assertion": api.backend_assertion,
        "ca_certificate": api.ca_certificate,
        "client_certificate": _mark(api.sealed_client_certificate),
        "backend_credentials": _mark(api.sealed_backend_credentials),
    }


def metadata_of(api: Api) -> dict[str, Any]:
    """Return what is said of an API to all who see it."""
    return {
        "categories": sorted(link.category for link in api.categories),
        "business_owner": api.business_owner,
        "technical_owner": api.technical_owner,
        "properties": {link.name: link.value for link in sorted(api.properties, key=lambda link: link.name)},
    }


def issuers_of(api: Api) -> list[str]:
    return sorted(link.issuer for link in api.issuers)


def environments_of(api: Api) -> list[str]:
    return sorted(link.environment for link in api.environments)


def _mark(sealed: str | None) -> Kept | None:
    """Say of a secret only that it is set."""
    return True if sealed else None


def _policy_name(policy_id: str | None) -> PolicyName | None:
    return PolicyName(policy_id.partition("/")[2]) if policy_id else None


def words_of(api: Api) -> dict[str, str]:
    """Return what the audit says of an API: words that last when it is gone."""
    return {"name": api.name, "context": api.context, "version": api.version, "state": api.state}
