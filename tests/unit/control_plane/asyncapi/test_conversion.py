"""AsyncAPI 2 told as 3.0. That the official parser accepts the result is seen in the integration tests."""

from typing import Any

from services.control_plane.asyncapi.checking import check
from tests.integration.control_plane.asyncapi.mutants import CHAT_2, CHAT_3, change

ROOM = "channels./rooms/{id}"


def told(changes: dict[str, Any]) -> dict[str, Any]:
    return check(change(CHAT_2, changes))


def test_what_is_of_3_stays_as_it_is() -> None:
    document = change(CHAT_3, {"asyncapi": "3.1.0"})
    assert check(document) is document


def test_channels_operations_and_messages() -> None:
    document = told({})
    assert document["servers"] == {"main": {"host": "example.com", "pathname": "/v1", "protocol": "wss"}}
    assert document["channels"] == {
        "rooms-id": {
            "address": "/rooms/{id}",
            "parameters": {"id": {}},
            "messages": {
                "said": {"$ref": "#/components/messages/said"},
                "subscribeMessage": {"payload": {"type": "string"}},
            },
        }
    }
    assert document["operations"] == {
        "say": {
            "action": "receive",
            "channel": {"$ref": "#/channels/rooms-id"},
            "messages": [{"$ref": "#/channels/rooms-id/messages/said"}],
        },
        "hear": {
            "action": "send",
            "channel": {"$ref": "#/channels/rooms-id"},
            "messages": [{"$ref": "#/channels/rooms-id/messages/subscribeMessage"}],
        },
    }


def test_names_that_are_taken_get_a_number() -> None:
    message = {"$ref": "#/components/messages/said"}
    document = told(
        {
            "channels./rooms_{id}": {"publish": {"message": message}, "subscribe": {"message": message}},
            f"{ROOM}.subscribe.message": {"oneOf": [message, {"messageId": "said", "payload": {}}]},
        }
    )
    assert document["channels"].keys() == {"rooms-id", "rooms-id-2"}
    assert document["channels"]["rooms-id"]["messages"].keys() == {"said", "said-2"}
    assert document["channels"]["rooms-id-2"]["messages"] == {"said": message}
    assert document["operations"].keys() == {"say", "hear", "rooms-id-2.publish", "rooms-id-2.subscribe"}


def test_servers_and_security() -> None:
    flow = {"tokenUrl": "https://example.com/token", "scopes": {"read": "to read"}}
    document = told(
        {
            "servers.plain": {"url": "{host}:9000", "protocol": "ws", "variables": {"host": {"default": "a"}}},
            "servers.main.security": [{"token": []}, {"oauth": ["read"]}],
            "components.securitySchemes.oauth": {"type": "oauth2", "flows": {"clientCredentials": flow}},
            f"{ROOM}.servers": ["main"],
            f"{ROOM}.publish.security": [{"oauth": []}],
        }
    )
    scheme = {
        "type": "oauth2",
        "flows": {
            "clientCredentials": {"tokenUrl": "https://example.com/token", "availableScopes": {"read": "to read"}}
        },
    }
    assert document["servers"]["plain"]["host"] == "{host}:9000"
    assert "pathname" not in document["servers"]["plain"]
    assert document["servers"]["main"]["security"] == [
        {"$ref": "#/components/securitySchemes/token"},
        scheme | {"scopes": ["read"]},
    ]
    assert document["components"]["securitySchemes"]["oauth"] == scheme
    assert document["channels"]["rooms-id"]["servers"] == [{"$ref": "#/servers/main"}]
    assert document["operations"]["say"]["security"] == [{"$ref": "#/components/securitySchemes/oauth"}]


def test_info_parameters_and_payloads() -> None:
    avro = "application/vnd.apache.avro;version=1.9.0"
    parameter = {"description": "which", "location": "$message.payload#/id", "schema": {"enum": [1, 2], "default": 1}}
    document = told(
        {
            "tags": [{"name": "a"}],
            "externalDocs": {"url": "https://example.com"},
            f"{ROOM}.parameters.id": parameter,
            "components.messages.said.schemaFormat": avro,
            "components.messages.said.payload": {"type": "string"},
            "components.messages.said.messageId": "said",
            "components.messages.said.examples": [{"payload": {"a": 1}, "name": "one"}],
        }
    )
    assert document["info"]["tags"] == [{"name": "a"}]
    assert document["info"]["externalDocs"] == {"url": "https://example.com"}
    assert document["channels"]["rooms-id"]["parameters"]["id"] == {
        "description": "which",
        "location": "$message.payload#/id",
        "enum": ["1", "2"],
        "default": "1",
    }
    assert document["components"]["messages"]["said"] == {
        "payload": {"schemaFormat": avro, "schema": {"type": "string"}},
        "examples": [{"payload": {"a": 1}, "name": "one"}],
    }


def test_components_traits_and_bindings() -> None:
    bindings = {"ws": {"method": "GET"}, "kafka": {"key": {"type": "string"}}}
    document = told(
        {
            "components.channels": {"lobby": {"publish": {"message": {"payload": {}}}, "bindings": bindings}},
            "channels./lobby": {"$ref": "#/components/channels/lobby"},
            "components.operationTraits": {"t": {"operationId": "t", "summary": "s", "bindings": {"kafka": {}}}},
            "components.messageTraits": {"t": {"messageId": "t", "name": "n", "examples": [{"payload": {}}]}},
            f"{ROOM}.publish.traits": [{"$ref": "#/components/operationTraits/t"}, {"tags": [{"name": "a"}]}],
            "components.messages.said.traits": [{"$ref": "#/components/messageTraits/t"}],
        }
    )
    assert document["channels"]["lobby"]["bindings"] == {"ws": {"method": "GET"}}
    assert document["channels"]["lobby"]["messages"] == {"publishMessage": {"payload": {}}}
    assert "channels" not in document["components"]
    assert document["components"]["operationTraits"] == {"t": {"summary": "s", "bindings": {}}}
    assert document["components"]["messageTraits"] == {"t": {"name": "n", "examples": [{"payload": {}}]}}
    assert document["operations"]["say"]["traits"] == [
        {"$ref": "#/components/operationTraits/t"},
        {"tags": [{"name": "a"}]},
    ]
    assert document["components"]["messages"]["said"]["traits"] == [{"$ref": "#/components/messageTraits/t"}]
