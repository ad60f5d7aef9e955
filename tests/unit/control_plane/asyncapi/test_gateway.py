"""Documents from the gateway's side."""

from typing import Any

from services.control_plane.asyncapi.checking import check
from services.control_plane.asyncapi.gateway import Gateway, generate, show
from services.control_plane.publisher.models import Api, ApiTag
from shared.definition import Auth, Endpoints, MessageSizes
from tests.integration.control_plane.asyncapi.mutants import CHAT_3, change

GATEWAY = Gateway(["ws://gw.example", "wss://gw.example/edge"], "https://idp.example")


def make_api(**changes: Any) -> Api:
    fields: dict[str, Any] = {
        "id": "api",
        "name": "Echo",
        "context": "/echo",
        "version": "1.0",
        "description": "Says it again",
        "auth": Auth(types=("oauth2", "api_key"), scopes=("chat",)),
        "paths": [],
        "endpoints": Endpoints(),
        "max_message_bytes": MessageSizes(),
    }
    return Api(**(fields | changes))


def path(path: str, *scopes: str) -> dict[str, Any]:
    return {"path": path, "scopes": list(scopes), "backend_path": None}


def test_servers_are_the_gateways_of_each_way_to_an_api() -> None:
    servers = GATEWAY.servers(make_api(is_default=True, auth=Auth(types=("none",))))
    assert servers == {
        "gateway": {"host": "gw.example", "pathname": "/echo/1.0", "protocol": "ws"},
        "gateway-2": {"host": "gw.example", "pathname": "/edge/echo/1.0", "protocol": "wss"},
        "gateway-3": {"host": "gw.example", "pathname": "/echo", "protocol": "ws"},
        "gateway-4": {"host": "gw.example", "pathname": "/edge/echo", "protocol": "wss"},
    }


def test_servers_ask_for_one_of_the_credentials_that_the_api_takes() -> None:
    references = [{"$ref": "#/components/securitySchemes/oauth2"}, {"$ref": "#/components/securitySchemes/apiKey"}]
    assert GATEWAY.servers(make_api())["gateway"]["security"] == references


def test_a_document_is_made_of_the_fields() -> None:
    api = make_api(paths=[path("/rooms/{id}", "read"), path("/admin/*", "admin", "chat"), path("/rooms.{id}")])
    api.tags = [ApiTag(api_id="api", tag="talk")]
    document = generate(api, GATEWAY)
    assert check(document) is document
    assert document["info"] == {
        "title": "Echo",
        "version": "1.0",
        "description": "Says it again",
        "tags": [{"name": "talk"}],
    }
    assert {name: channel["address"] for name, channel in document["channels"].items()} == {
        "root": "/",
        "rooms-id": "/rooms/{id}",
        "admin": "/admin/{rest}",
        "rooms-id-2": "/rooms.{id}",
    }
    actions = {name: operation["action"] for name, operation in document["operations"].items()}
    assert actions["admin.publish"] == "receive"
    assert actions["admin.subscribe"] == "send"
    assert len(actions) == 8


def test_a_path_with_scopes_asks_for_them_beside_those_of_the_api() -> None:
    api = make_api(paths=[path("/rooms/{id}", "read"), path("/admin/*", "admin", "chat")])
    operations = generate(api, GATEWAY)["operations"]
    assert "security" not in operations["root.publish"]
    oauth2, api_key = operations["admin.publish"]["security"]
    assert oauth2["scopes"] == ["chat", "admin"]
    assert oauth2["flows"]["clientCredentials"] == {
        "tokenUrl": "https://idp.example/oauth2/token",
        "availableScopes": {"chat": "", "read": "", "admin": ""},
    }
    assert api_key == {"type": "httpApiKey", "in": "header", "name": "X-API-Key"}


def test_the_name_for_the_rest_of_a_path_is_none_that_stands_in_it() -> None:
    channel = generate(make_api(paths=[path("/{rest}/*")]), GATEWAY)["channels"]["rest"]
    assert channel["address"] == "/{rest}/{rest_}"
    assert channel["parameters"].keys() == {"rest", "rest_"}


def test_what_is_shown_is_valid_and_says_nothing_of_the_backend() -> None:
    token = {"$ref": "#/components/securitySchemes/token"}
    given = change(
        CHAT_3,
        {
            "servers.main.security": [token],
            "channels.room.servers": [{"$ref": "#/servers/main"}],
            "operations.say.security": [token],
            "operations.say.traits": [{"security": [token]}, {"$ref": "#/components/operationTraits/t"}],
            "components.operationTraits": {"t": {"summary": "s", "security": [token]}},
            "components.servers": {"spare": {"host": "example.com", "protocol": "ws"}},
            "components.serverVariables": {"host": {"default": "example.com"}},
            "components.channels": {"spare": {"servers": [{"$ref": "#/servers/main"}]}},
            "components.operations": {
                "spare": {"action": "send", "channel": {"$ref": "#/channels/lobby"}, "security": [token]}
            },
            "operations.spare": {"$ref": "#/components/operations/spare"},
        },
    )
    check(given)
    shown = show(given, make_api(paths=[path("/Rooms/{room}/", "read")]), GATEWAY)
    assert check(shown) is shown
    assert "example.com" not in str(shown)
    assert "example.org" not in str(shown)
    assert "'token'" not in str(shown)
    assert shown["operations"]["say"]["security"][0]["scopes"] == ["chat", "read"]
    assert shown["operations"]["spare"] == {"$ref": "#/components/operations/spare"}
    assert shown["components"]["operationTraits"] == {"t": {"summary": "s"}}
    assert shown["channels"]["lobby"] == given["channels"]["lobby"]


def test_a_document_of_little_is_shown_as_well() -> None:
    given = {"asyncapi": "3.1.0", "info": {"title": "a", "version": "1"}}
    assert check(show(given, make_api(), GATEWAY))["channels"] == {}
