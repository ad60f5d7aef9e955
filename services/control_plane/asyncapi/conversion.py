"""AsyncAPI 2 told as 3.0: servers, channels, operations, messages and components. Pure.

What 2 says from the client's side, 3 says from the API's: `publish` is what the API receives, `subscribe` what it
sends.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from services.control_plane.asyncapi.naming import Names, name_channel
from services.control_plane.asyncapi.pointers import make_pointer, split_fragment
from services.control_plane.asyncapi.reading import Document
from services.control_plane.asyncapi.references import REF, References, reference_of

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*|\{[^{}]*\})://")
_OWN_FORMAT: Final = "application/vnd.aai.asyncapi"
_ACTIONS: Final = {"publish": "receive", "subscribe": "send"}
_COMPONENT_BINDINGS: Final = ("serverBindings", "channelBindings", "operationBindings", "messageBindings")
_WITH_SCOPES: Final = frozenset({"oauth2", "openIdConnect"})


def as_version_3(document: Document) -> Document:
    """Return a document that is valid as 3.0, or as it is where it is of 3 already."""
    return document if document["asyncapi"].startswith("3.") else _Converter(document).convert()


def _without(value: Mapping[str, Any], *keys: str) -> Document:
    return {key: item for key, item in value.items() if key not in keys}


def _to(*parts: str) -> dict[str, str]:
    return {REF: f"#{make_pointer(*parts)}"}


def messages_of(operation: Document) -> list[Document]:
    """Return the messages of an operation of version 2: one, or several to choose from."""
    message = operation.get("message", {})
    several: list[Document] = [message] if REF in message or "oneOf" not in message else message["oneOf"]
    return several


class _Converter:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._references = References(document)
        self._channels: Document = {}
        self._operations: Document = {}
        self._channel_names, self._operation_names = Names(self._channels), Names(self._operations)

    def convert(self) -> Document:
        given = self._document
        info = given["info"] | {key: given[key] for key in ("tags", "externalDocs") if key in given}
        converted = _without(given, "tags", "externalDocs") | {"asyncapi": "3.0.0", "info": info}
        if "servers" in given:
            converted["servers"] = _each(given["servers"], self._server)
        for address, channel in given["channels"].items():
            self._add_channel(address, self._references.follow(channel))
        converted |= {"channels": self._channels, "operations": self._operations}
        if "components" in given:
            converted["components"] = self._components(given["components"])
        return converted

    def _server(self, server: Document) -> Document:
        host, slash, path = _SCHEME.sub("", server["url"], count=1).partition("/")
        place = {"host": host, "pathname": f"/{path}"} if slash else {"host": host}
        return place | _without(server, "url", "security", "bindings") | self._security(server) | _bindings(server)

    def _security(self, secured: Document) -> Document:
        if "security" not in secured:
            return {}
        asked = [item for requirement in secured["security"] for item in requirement.items()]
        return {"security": [self._requirement(name, scopes) for name, scopes in asked]}

    def _requirement(self, name: str, scopes: list[str]) -> Document:
        reference = _to("components", "securitySchemes", name)
        scheme = self._references.follow(reference)
        if scopes and scheme["type"] in _WITH_SCOPES:
            return _scheme(scheme) | {"scopes": scopes}
        return reference

    def _add_channel(self, address: str, given: Document) -> None:
        name = self._channel_names.find_free(name_channel(address))
        kept = _without(given, "publish", "subscribe", "servers", "parameters", "bindings")
        channel: Document = {"address": address} | kept | _bindings(given)
        if "servers" in given:
            channel["servers"] = [_to("servers", server) for server in given["servers"]]
        if "parameters" in given:
            channel["parameters"] = _each(given["parameters"], self._parameter)
        messages: Document = {}
        for kind, action in _ACTIONS.items():
            if kind in given:
                self._add_operation(name, kind, action, given[kind], messages)
        if messages:
            channel["messages"] = messages
        self._channels[name] = channel

    def _add_operation(self, channel: str, kind: str, action: str, given: Document, messages: Document) -> None:
        operation: Document = {"action": action, "channel": _to("channels", channel)}
        operation |= _without(given, "operationId", "message", "security", "traits", "bindings")
        operation |= self._security(given) | _bindings(given)
        if "traits" in given:
            operation["traits"] = [self._operation_trait(trait) for trait in given["traits"]]
        if "message" in given:
            names = [self._add_message(kind, message, messages) for message in messages_of(given)]
            operation["messages"] = [_to("channels", channel, "messages", name) for name in names]
        wanted = given.get("operationId", f"{channel}.{kind}")
        self._operations[self._operation_names.find_free(wanted)] = operation

    def _add_message(self, kind: str, given: Document, messages: Document) -> str:
        reference = reference_of(given)
        message = self._message(given)
        if reference and REF in message:
            wanted = split_fragment(reference)[-1]
        else:
            whole = self._references.follow(given)
            wanted = whole.get("messageId") or whole.get("name") or f"{kind}Message"
        if messages.get(wanted) == message:  # both operations speak of the same
            return wanted
        name = Names(messages).find_free(wanted)
        messages[name] = message
        return name

    def _message(self, given: Document) -> Document:
        if (reference_of(given) or "").startswith("#/components/messages/"):
            return given
        given = self._references.follow(given)
        message = _without(given, "messageId", "schemaFormat", "payload", "traits", "bindings")
        message |= _bindings(given)
        if "payload" in given:
            form = given.get("schemaFormat", _OWN_FORMAT)
            is_own = form.startswith(_OWN_FORMAT)
            message["payload"] = given["payload"] if is_own else {"schemaFormat": form, "schema": given["payload"]}
        if "traits" in given:
            message["traits"] = [_message_trait(trait) for trait in given["traits"]]
        return message

    def _parameter(self, given: Document) -> Document:
        parameter = _without(given, "schema")
        schema = self._references.follow(given.get("schema", {}))
        for key in ("enum", "examples"):
            if isinstance(schema, dict) and isinstance(schema.get(key), list):
                parameter[key] = [str(item) for item in schema[key]]
        if isinstance(schema, dict) and "default" in schema:
            parameter["default"] = str(schema["default"])
        return parameter

    def _operation_trait(self, given: Document) -> Document:
        if REF in given:
            return given
        return _without(given, "operationId", "security", "bindings") | self._security(given) | _bindings(given)

    def _components(self, given: Document) -> Document:
        parts: dict[str, Callable[[Document], Document]] = {
            "servers": self._server,
            "messages": self._message,
            "parameters": self._parameter,
            "securitySchemes": _scheme,
            "operationTraits": self._operation_trait,
            "messageTraits": _message_trait,
            **dict.fromkeys(_COMPONENT_BINDINGS, _keep_own),
        }
        # Channels are told where they stand: what refers to one there has it in place.
        components = _without(given, "channels", *parts)
        return components | {name: _each(given[name], convert) for name, convert in parts.items() if name in given}


def _each(given: Document, convert: Callable[[Document], Document]) -> Document:
    """Convert what a map holds, but for references, and for what its schema lets stand there though it is nothing."""
    return {key: convert(item) if isinstance(item, dict) and REF not in item else item for key, item in given.items()}


def _scheme(scheme: Document) -> Document:
    if "flows" not in scheme:
        return scheme
    flows = {
        name: _without(flow, "scopes") | {"availableScopes": flow.get("scopes", {})}
        for name, flow in scheme["flows"].items()
        if not name.startswith("x-")
    }
    return scheme | {"flows": flows}


def _message_trait(given: Document) -> Document:
    if REF in given:
        return given
    return _without(given, "messageId", "schemaFormat", "bindings") | _bindings(given)


def _bindings(given: Document) -> Document:
    return {"bindings": _keep_own(given["bindings"])} if "bindings" in given else {}


def _keep_own(bindings: Document) -> Document:
    """Return what is said about WebSocket: of the other protocols 3.0 asks for what nobody here can say."""
    return {key: item for key, item in bindings.items() if key in ("ws", REF) or key.startswith("x-")}
