from datetime import UTC, datetime
from typing import Any

import pytest

from services.control_plane.publisher.models import Api, ApiPolicy, ApiRole, ApiTag, LifecycleEvent
from services.control_plane.publisher.projection import define_api, read_api, read_lifecycle, write_of
from shared.definition import Auth, Endpoint, Endpoints, MessageSizes

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ENDPOINT = Endpoint(urls=("ws://a", "ws://b"), balance="failover", health_check_seconds=5)


def make_api(**changes: Any) -> Api:
    fields: dict[str, Any] = {
        "id": "1",
        "name": "Echo",
        "context": "/Echo",
        "version": "1.0",
        "context_key": "/echo",
        "route_key": "/echo/1.0",
        "is_default": True,
        "state": "PUBLISHED",
        "endpoints": Endpoints(production=ENDPOINT),
        "api_policy_id": "api/10KPerMin",
        "anonymous_policy_id": "subscription/Unauthenticated",
        "auth": Auth(scopes=("read",), query=True),
        "origins": ["https://a.example"],
        "max_message_bytes": MessageSizes(publish=10),
        "idle_timeout_seconds": 60,
        "max_connection_age_seconds": 3600,
        "ping_interval_seconds": None,
        "set_headers": {"X-Tenant": "7"},
        "backend_assertion": True,
        "sealed_backend_credentials": "sealed",
        "owner": "me",
        "created_at": NOW,
        "updated_at": NOW,
        "tags": [ApiTag(api_id="1", tag="b"), ApiTag(api_id="1", tag="a")],
        "roles": [ApiRole(api_id="1", role="subscriber")],
        "policies": [ApiPolicy(api_id="1", policy_id="subscription/Gold")],
    }
    return Api(**{**fields, **changes})


def test_pods_are_told_what_they_need_and_no_more() -> None:
    definition = define_api(make_api())
    assert definition is not None
    assert definition.context == "/Echo"
    assert definition.default
    assert definition.api_policy == "10KPerMin"
    assert definition.anonymous_policy == "Unauthenticated"
    assert definition.endpoints.production == ENDPOINT
    assert definition.auth == Auth(types=("oauth2",), scopes=("read",), query=True)
    assert definition.max_message_bytes.publish == 10
    assert (definition.max_connection_age_seconds, definition.ping_interval_seconds) == (3600, None)
    assert (definition.set_headers, definition.forward_cookies) == ({"X-Tenant": "7"}, False)
    assert definition.backend_assertion
    assert (definition.sealed_client_certificate, definition.sealed_backend_credentials) == (None, "sealed")
    assert not {"tags", "description", "owner", "roles"} & definition.model_dump().keys()


@pytest.mark.parametrize("state", ["PROTOTYPED", "PUBLISHED", "BLOCKED", "DEPRECATED", "RETIRED"])
def test_pods_know_the_state(state: str) -> None:
    definition = define_api(make_api(state=state))
    assert definition is not None
    assert definition.state == state


def test_pods_know_nothing_of_what_was_only_created() -> None:
    assert define_api(make_api(state="CREATED")) is None


def test_a_reading_can_be_written_back() -> None:
    api = make_api()
    read, write = read_api(api), write_of(api)
    assert (read.tags, read.roles, read.policies) == (["a", "b"], ["subscriber"], ["Gold"])
    assert read.model_dump(include=set(type(write).model_fields)) == write.model_dump()
    assert (read.client_certificate, read.backend_credentials) == (None, True)
    assert "sealed" not in read.model_dump_json()


def test_the_lifecycle_shows_what_is_open() -> None:
    event = LifecycleEvent(
        id=1, api_id="1", action="block", from_state="PUBLISHED", to_state="BLOCKED", actor="me", at=NOW
    )
    lifecycle = read_lifecycle(make_api(state="BLOCKED"), [event])
    assert [transition.action for transition in lifecycle.transitions] == ["unblock", "deprecate"]
    assert lifecycle.history[0].at == NOW
