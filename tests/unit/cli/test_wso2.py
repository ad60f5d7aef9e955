import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli import manifest
from cli.errors import CommandError
from cli.wso2 import convert
from tests.support.command import framegate

API: dict[str, Any] = {
    "id": "9bc3",
    "name": "Chat",
    "context": "/chat/1.0.0",
    "version": "1.0.0",
    "provider": "admin",
    "lifeCycleStatus": "PUBLISHED",
    "isDefaultVersion": True,
    "type": "WS",
    "tags": ["talk"],
    "policies": ["AsyncUnlimited", "Gold"],
    "apiThrottlingPolicy": "50KPerMin",
    "securityScheme": ["oauth2", "api_key", "mutualssl", "oauth_basic_auth_api_key_mandatory"],
    "visibility": "RESTRICTED",
    "visibleRoles": ["subscriber"],
    "accessControl": "NONE",
    "categories": ["social"],
    "businessInformation": {"businessOwner": "me", "technicalOwnerEmail": "team@a.example"},
    "additionalProperties": [{"name": "region", "value": "eu", "display": True}, 7],
    "corsConfiguration": {"corsConfigurationEnabled": True, "accessControlAllowOrigins": ["https://a.example"]},
    "endpointConfig": {
        "endpoint_type": "failover",
        "production_endpoints": {"url": "wss://a.example/ws"},
        "production_failovers": [{"url": "wss://b.example/ws"}],
        "sandbox_endpoints": {"url": "ws://sandbox.example"},
        "endpoint_security": {"production": {"enabled": True}},
    },
    "operations": [
        {"target": "/*", "verb": "PUBLISH", "scopes": [], "uriMapping": "/*"},
        {"target": "/rooms/{id}", "verb": "SUBSCRIBE", "scopes": ["read"], "throttlingPolicy": "Unlimited"},
        {"target": "/rooms/{id}", "verb": "PUBLISH", "scopes": ["write"], "throttlingPolicy": "10KPerMin"},
        {"target": "/news", "verb": "SUBSCRIBE", "uriMapping": "/v2/news"},
    ],
}


def test_an_api_of_these_days() -> None:
    found = convert(API)
    assert found.api == {
        "name": "Chat",
        "context": "/chat",
        "version": "1.0.0",
        "default": True,
        "tags": ["talk"],
        "categories": ["social"],
        "business_owner": {"name": "me"},
        "technical_owner": {"name": "team@a.example", "email": "team@a.example"},
        "properties": {"region": "eu"},
        "endpoints": {
            "production": {"urls": ["wss://a.example/ws", "wss://b.example/ws"], "balance": "failover"},
            "sandbox": {"urls": ["ws://sandbox.example"]},
        },
        "policies": ["AsyncUnlimited", "Gold"],
        "api_policy": "50KPerMin",
        "auth": {"types": ["oauth2", "api_key"]},
        "paths": [
            {"path": "/rooms/{id}", "scopes": ["read", "write"]},
            {"path": "/news", "scopes": [], "backend_path": "/v2/news"},
        ],
        "visibility": "restricted",
        "roles": ["subscriber"],
        "origins": ["https://a.example"],
        "state": "published",
    }
    assert not manifest.find_faults({"apis": [found.api]})
    assert set(found.left) == {
        "categories",
        "endpointConfig.endpoint_security",
        "operations",
        "operations /rooms/{id} throttlingPolicy",
        "policies",
        "securityScheme",
        "visibility",
    }


def test_an_api_of_before() -> None:
    endpoints = {"production_endpoints": {"url": "ws://echo.example", "config": None}, "endpoint_type": "ws"}
    old = {
        "id": {"providerName": "admin", "apiName": "Echo", "version": "1.0"},
        "type": "WS",
        "context": "/echo/1.0",
        "contextTemplate": "/echo/{version}",
        "availableTiers": [{"name": "Gold"}],
        "status": "CREATED",
        "visibility": "public",
        "endpointConfig": json.dumps(endpoints),
        "implementation": "ENDPOINT",
    }
    found = convert(old)
    assert found.api == {
        "name": "Echo",
        "context": "/echo",
        "version": "1.0",
        "endpoints": {"production": {"urls": ["ws://echo.example"]}},
        "policies": ["Gold"],
        "visibility": "public",
        "state": "created",
    }
    assert found.left["implementation"] == "has no counterpart"


def test_another_kind_of_api_is_refused() -> None:
    with pytest.raises(CommandError, match="an API of type HTTP: only WebSocket APIs"):
        convert({**API, "type": "HTTP"})


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"context": "/{version}/chat"}, "context"),
        ({"version": 1.5}, "version"),
        ({"visibility": "PRIVATE", "visibleRoles": None}, "visibility"),
        ({"endpointConfig": "{}"}, "endpointConfig"),
        ({"operations": {}, "policies": "Gold"}, "policies"),
        ({"operations": ["x"]}, "operations"),
        ({"authorizationHeader": "X-Token"}, "authorizationHeader"),
        ({"corsConfiguration": "no"}, "categories"),
    ],
)
def test_what_needs_a_look_is_told(change: dict[str, Any], place: str) -> None:
    assert place in convert({**API, **change}).left


def test_a_project_is_printed_with_its_report(tmp_path: Path) -> None:
    (tmp_path / "Policies").mkdir()
    (tmp_path / "Policies/log.yaml").write_text("log")
    (tmp_path / "api.yaml").write_text(yaml.safe_dump({"type": "api", "version": "v4.1.0", "data": API}))
    ran = framegate("import-wso2", str(tmp_path))
    assert yaml.safe_load(ran.out)["apis"][0]["name"] == "Chat"
    assert "mapped      lifeCycleStatus to state\n" in ran.err
    assert "not mapped  Policies/: messages are not changed on their way\n" in ran.err
    printed = json.loads(framegate("import-wso2", str(tmp_path), "-o", "json").out)
    assert printed["manifest"] == yaml.safe_load(ran.out)
    assert printed["mapped"]["endpointConfig"] == "endpoints"
    assert "not_mapped" in printed


def test_what_is_not_valid_here_is_part_of_the_report(tmp_path: Path) -> None:
    endpoint = {"production_endpoints": {"url": "http://a.example"}}
    (tmp_path / "api.yaml").write_text(yaml.safe_dump({"data": {**API, "endpointConfig": endpoint}}))
    said = framegate("import-wso2", str(tmp_path)).err
    assert "not mapped  apis.0.endpoints.production.urls.0: not valid: must be a ws:// or wss:// URL\n" in said


@pytest.mark.parametrize(
    ("text", "said"), [("- a", "does not describe an API"), ("a: b: c", "not YAML"), (None, "there is no api.yaml")]
)
def test_a_folder_that_is_no_project_is_refused(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "api.yaml").write_text(text)
    assert said in str(framegate("import-wso2", str(tmp_path)).error)
