"""Small documents, each with one thing changed: what the official parser and we may judge differently."""

import copy
import json
from collections.abc import Iterator
from typing import Any, Final

Changes = dict[str, Any]

GONE: Final = object()

CHAT_3: Final[dict[str, Any]] = {
    "asyncapi": "3.0.0",
    "info": {"title": "Chat", "version": "1.0.0", "license": {"name": "MIT"}},
    "servers": {"main": {"host": "example.com", "protocol": "wss"}, "other": {"host": "example.org", "protocol": "ws"}},
    "channels": {
        "room": {
            "address": "/rooms/{id}",
            "parameters": {"id": {"description": "which room"}},
            "messages": {"said": {"$ref": "#/components/messages/said"}},
        },
        "lobby": {"address": "/lobby", "messages": {"said": {"payload": {"type": "string"}}}},
    },
    "operations": {
        "say": {
            "action": "receive",
            "channel": {"$ref": "#/channels/room"},
            "messages": [{"$ref": "#/channels/room/messages/said"}],
        }
    },
    "components": {
        "messages": {"said": {"payload": {"$ref": "#/components/schemas/said"}}},
        "schemas": {"said": {"type": "object", "properties": {"text": {"type": "string"}}}},
        "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
    },
}

CHAT_2: Final[dict[str, Any]] = {
    "asyncapi": "2.6.0",
    "info": {"title": "Chat", "version": "1.0.0"},
    "servers": {"main": {"url": "wss://example.com/v1", "protocol": "wss"}},
    "channels": {
        "/rooms/{id}": {
            "parameters": {"id": {"schema": {"type": "string"}}},
            "publish": {"operationId": "say", "message": {"$ref": "#/components/messages/said"}},
            "subscribe": {"operationId": "hear", "message": {"payload": {"type": "string"}}},
        }
    },
    "components": {
        "messages": {"said": {"payload": {"type": "object"}}},
        "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
    },
}

_SAID: Final = "components.messages.said"
_ROOM_2: Final = "channels./rooms/{id}"

OF_3: Final[dict[str, Changes]] = {
    "as it is": {},
    "no channels or operations": {"channels": GONE, "operations": GONE},
    "no info": {"info": GONE},
    "no title": {"info.title": GONE},
    "a version that is a number": {"info.version": 1.0},
    "a root that nobody knows": {"colour": "red"},
    "an extension": {"x-colour": "red"},
    "a licence without a name": {"info.license.name": GONE},
    "a licence's URL that is none": {"info.license.url": "not a url"},
    "a contact's address that is none": {"info.contact": {"email": "nobody"}},
    "terms that are no URL": {"info.termsOfService": "see below"},
    "a default type that is a number": {"defaultContentType": 1},
    "a server without a host": {"servers.main.host": GONE},
    "a server without a protocol": {"servers.main.protocol": GONE},
    "a server as in 2": {"servers.main": {"url": "wss://example.com", "protocol": "wss"}},
    "a variable without a description": {"servers.main.host": "{region}.example.com"},
    "one variable of two": {
        "servers.main.host": "{region}.{zone}.example.com",
        "servers.main.variables": {"region": {"default": "eu"}},
    },
    "a server's security": {"servers.main.security": [{"$ref": "#/components/securitySchemes/token"}]},
    "security that is nowhere": {"servers.main.security": [{"$ref": "#/components/securitySchemes/none"}]},
    "security as in 2": {"servers.main.security": [{"token": []}]},
    "a scheme of no type": {"components.securitySchemes.token.type": "magic"},
    "OAuth without flows": {"components.securitySchemes.token": {"type": "oauth2"}},
    "a channel on a server": {"channels.room.servers": [{"$ref": "#/servers/main"}]},
    "a channel on no server": {"channels.room.servers": [{"$ref": "#/servers/none"}]},
    "a channel on a component": {
        "components.servers": {"spare": {"host": "example.net", "protocol": "ws"}},
        "channels.room.servers": [{"$ref": "#/components/servers/spare"}],
    },
    "a channel with operations as in 2": {"channels.room.publish": {}},
    "a parameter that nobody describes": {"channels.room.parameters": GONE},
    "a parameter with a schema as in 2": {"channels.room.parameters.id.schema": {"type": "string"}},
    "a parameter that stands nowhere": {"channels.room.parameters.other": {}},
    "one parameter of two": {"channels.room.address": "/rooms/{id}/{other}"},
    "an address with a query": {"channels.lobby.address": "/lobby?a=b"},
    "a variable that stands nowhere": {"servers.main.variables": {"region": {"default": "eu"}}},
    "a schema with a pattern that looks ahead": {
        "components.schemas.said.properties.text": {"type": "string", "pattern": "^(?=a)(?<!b)\\p{L}$"}
    },
    "no address": {"channels.room.address": None, "channels.room.parameters": GONE},
    "an action that is none": {"operations.say.action": "shout"},
    "no action": {"operations.say.action": GONE},
    "an operation without a channel": {"operations.say.channel": GONE},
    "a channel in place": {"operations.say.channel": {"address": "/x"}, "operations.say.messages": GONE},
    "a channel of the components": {
        "components.channels": {"spare": {"address": "/x"}},
        "operations.say": {"action": "send", "channel": {"$ref": "#/components/channels/spare"}},
    },
    "a channel that is nowhere": {"operations.say.channel": {"$ref": "#/channels/none"}},
    "another channel's message": {"operations.say.messages": [{"$ref": "#/channels/lobby/messages/said"}]},
    "a message of the components": {"operations.say.messages": [{"$ref": f"#/{_SAID.replace('.', '/')}"}]},
    "a message in place": {"operations.say.messages": [{"payload": {}}]},
    "a reply": {"operations.say.reply": {"address": {"location": "$message.header#/replyTo"}}},
    "a reply on a channel": {
        "operations.say.reply": {
            "channel": {"$ref": "#/channels/lobby"},
            "messages": [{"$ref": "#/channels/lobby/messages/said"}],
        }
    },
    "a reply with another channel's message": {
        "operations.say.reply": {
            "channel": {"$ref": "#/channels/lobby"},
            "messages": [{"$ref": "#/channels/room/messages/said"}],
        }
    },
    "a trait": {"operations.say.traits": [{"summary": "said"}]},
    "a trait with an action": {"operations.say.traits": [{"action": "send"}]},
    "a schema of no type": {"components.schemas.said.type": "objct"},
    "a schema with a bad pattern": {"components.schemas.said.properties.text": {"type": "string", "pattern": "("}},
    "a schema that is true": {f"{_SAID}.payload": True},
    "a schema with a format of its own": {
        f"{_SAID}.payload": {"schemaFormat": "application/schema+json;version=draft-07", "schema": {"type": "string"}}
    },
    "a schema of an unknown format": {f"{_SAID}.payload": {"schemaFormat": "text/plain", "schema": {"a": 1}}},
    "a schema that refers to itself": {
        "components.schemas.said.properties.answer": {"$ref": "#/components/schemas/said"}
    },
    "references in a circle": {"components.schemas.said": {"$ref": "#/components/schemas/said"}},
    "a schema that is nowhere": {f"{_SAID}.payload": {"$ref": "#/components/schemas/none"}},
    "a schema in another place": {f"{_SAID}.payload": {"$ref": "https://example.com/said.json"}},
    "a schema in a file": {f"{_SAID}.payload": {"$ref": "./said.json"}},
    "a message that is a schema": {"channels.room.messages.said": {"$ref": "#/components/schemas/said"}},
    "a message that is a server": {"channels.room.messages.said": {"$ref": "#/servers/main"}},
    "a message with a field that nobody knows": {f"{_SAID}.colour": "red"},
    "an example": {f"{_SAID}.examples": [{"payload": {"text": "hi"}}]},
    "an example that is not valid": {f"{_SAID}.examples": [{"payload": {"text": 1}}]},
    "an example of nothing": {f"{_SAID}.examples": [{"name": "hi"}]},
    "a tag without a name": {"info.tags": [{"description": "a"}]},
    "a tag twice": {"info.tags": [{"name": "a"}, {"name": "a"}]},
    "tags at the root as in 2": {"tags": [{"name": "a"}]},
    "a component's name with a space": {"components.schemas.my name": {}},
    "bindings for WebSocket": {"channels.room.bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}}},
    "bindings with a schema elsewhere": {
        "channels.room.bindings": {"ws": {"query": {"$ref": "#/components/schemas/said"}}}
    },
    "bindings with a bad method": {"channels.room.bindings": {"ws": {"method": "PUT"}}},
    "two channels of an address": {"channels.lobby.address": "/rooms/{id}", "channels.lobby.parameters": {"id": {}}},
    "a name of another version": {"asyncapi": "3.0"},
    "a version to come": {"asyncapi": "3.9.0"},
    "the next version": {"asyncapi": "3.1.0"},
}

OF_2: Final[dict[str, Changes]] = {
    "as it is": {},
    "no channels": {"channels": GONE},
    "no servers": {"servers": GONE},
    "a server without a URL": {"servers.main.url": GONE},
    "a server as in 3": {"servers.main": {"host": "example.com", "protocol": "wss"}},
    "a variable": {
        "servers.main.url": "wss://{region}.example.com",
        "servers.main.variables": {"region": {"default": "eu", "enum": ["eu", "us"]}},
    },
    "a variable without a description": {"servers.main.url": "wss://{region}.example.com"},
    "one variable of two": {
        "servers.main.url": "wss://{region}.{zone}.example.com",
        "servers.main.variables": {"region": {"default": "eu"}},
    },
    "a variable's default that it can't have": {
        "servers.main.url": "wss://{region}.example.com",
        "servers.main.variables": {"region": {"default": "me", "enum": ["eu", "us"]}},
    },
    "a server's security": {"servers.main.security": [{"token": []}]},
    "security that is nowhere": {"servers.main.security": [{"none": []}]},
    "scopes of what has none": {"servers.main.security": [{"token": ["read"]}]},
    "an operation's security that is nowhere": {f"{_ROOM_2}.publish.security": [{"none": []}]},
    "a parameter that nobody describes": {f"{_ROOM_2}.parameters": GONE},
    "one parameter of two": {"channels./rooms/{a}/{b}": {"parameters": {"a": {"schema": {"type": "string"}}}}},
    "a variable that stands nowhere": {"servers.main.variables": {"region": {"default": "eu"}}},
    "a parameter that stands nowhere": {f"{_ROOM_2}.parameters.other": {"schema": {"type": "string"}}},
    "an operation's name twice": {f"{_ROOM_2}.subscribe.operationId": "say"},
    "a channel on no server": {f"{_ROOM_2}.servers": ["none"]},
    "a channel on a server": {f"{_ROOM_2}.servers": ["main"]},
    "an address with a query": {"channels./rooms?a=b": {}},
    "an address with a fragment": {"channels./rooms#a": {}},
    "a channel that is empty": {"channels./lobby": {}},
    "a channel that is null": {"channels./lobby": None},
    "a channel of the components": {
        "components.channels": {"lobby": {"subscribe": {"message": {"payload": {}}}}},
        "channels./lobby": {"$ref": "#/components/channels/lobby"},
    },
    "several messages": {
        f"{_ROOM_2}.publish.message": {"oneOf": [{"$ref": f"#/{_SAID.replace('.', '/')}"}, {"payload": {}}]}
    },
    "a message's name twice": {f"{_SAID}.messageId": "one", f"{_ROOM_2}.subscribe.message.messageId": "one"},
    "a payload that is no schema": {f"{_SAID}.payload": {"type": "objct"}},
    "a payload of another format": {
        f"{_SAID}.schemaFormat": "application/vnd.apache.avro;version=1.9.0",
        f"{_SAID}.payload": {"type": "string"},
    },
    "an example that is not valid": {f"{_SAID}.examples": [{"payload": "hi"}]},
    "an operation as in 3": {"operations": {}},
    "a message in another place": {f"{_ROOM_2}.publish.message": {"$ref": "other.yaml#/said"}},
    "info by reference": {"info": {"$ref": "#/components/x-info"}, "components.x-info": {"title": "a", "version": "1"}},
    "bindings with a schema elsewhere": {
        "components.schemas.said": {"type": "object", "properties": {}},
        f"{_ROOM_2}.bindings": {"ws": {"query": {"$ref": "#/components/schemas/said"}}},
    },
    "a trait": {f"{_ROOM_2}.publish.traits": [{"bindings": {"ws": {}}}], f"{_SAID}.traits": [{"name": "said"}]},
    "an id that is no URI": {"id": "not a uri"},
    "an id": {"id": "urn:example:chat"},
}


def mutants() -> Iterator[tuple[str, str]]:
    """Yield each document with its name."""
    for version, whole, table in (("2", CHAT_2, OF_2), ("3", CHAT_3, OF_3)):
        for name, changes in table.items():
            yield f"{version}: {name}", json.dumps(change(whole, changes))


def change(whole: dict[str, Any], changes: Changes) -> dict[str, Any]:
    """Return a document with other values at places such as `info.version`."""
    changed = copy.deepcopy(whole)
    for place, value in changes.items():
        *parents, last = place.split(".")
        parent = changed
        for key in parents:
            parent = parent.setdefault(key, {})
        if value is GONE:
            del parent[last]
        else:
            parent[last] = value
    return changed
