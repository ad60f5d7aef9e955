"""An API's document from the gateway's side: where clients call it, and how they prove who they are. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from services.control_plane.asyncapi.naming import Names, name_channel
from services.control_plane.asyncapi.pointers import split_fragment
from services.control_plane.asyncapi.reading import Document
from services.control_plane.asyncapi.references import REF
from services.control_plane.publisher.models import Api
from services.control_plane.store.projection import gateway_urls
from shared.paths import REST, ends_open, parameters_of, shape_of

GENERATED_VERSION: Final = "3.0.0"

_OPERATIONS: Final = (("publish", "receive"), ("subscribe", "send"))
"""Directions as the platform names them, for clients, and as AsyncAPI names them, for the API."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where the gateways and the token endpoint are."""

    urls: Sequence[str]
    public_url: str

    def servers(self, api: Api) -> Document:
        schemes = [{REF: f"#/components/securitySchemes/{name}"} for name in self.security_schemes(api)]
        security = {"security": schemes} if schemes else {}
        servers = {}
        for number, url in enumerate(gateway_urls(api, self.urls), 1):
            parts = urlsplit(url)
            place = {"host": parts.netloc, "pathname": parts.path, "protocol": parts.scheme}
            servers["gateway" if number == 1 else f"gateway-{number}"] = place | security
        return servers

    def security_schemes(self, api: Api) -> Document:
        schemes: Document = {}
        if "oauth2" in api.auth.types:
            schemes["oauth2"] = self._oauth2(api)
        if "api_key" in api.auth.types:
            schemes["apiKey"] = {"type": "httpApiKey", "in": "header", "name": "X-API-Key"}
        return schemes

    def security_of(self, api: Api, address: str | None) -> Document:
        """Return what a channel asks for beside what its server does: the scopes of the path that it is."""
        scopes = _scopes_of(api, address)
        schemes = self.security_schemes(api)
        if not scopes or "oauth2" not in schemes:
            return {}
        schemes["oauth2"] |= {"scopes": [*dict.fromkeys((*api.auth.scopes, *scopes))]}
        return {"security": list(schemes.values())}

    def _oauth2(self, api: Api) -> Document:
        scopes = [*api.auth.scopes, *(scope for path in api.paths for scope in path["scopes"])]
        flow = {"tokenUrl": f"{self.public_url}/oauth2/token", "availableScopes": dict.fromkeys(scopes, "")}
        code = {"authorizationUrl": f"{self.public_url}/oauth2/authorize"} | flow
        scheme = {"type": "oauth2", "flows": {"clientCredentials": flow, "authorizationCode": code}}
        return scheme | ({"scopes": list(api.auth.scopes)} if api.auth.scopes else {})


def generate(api: Api, gateway: Gateway) -> Document:
    """Return a document for an API that was given none: its paths, and messages of any form."""
    channels: Document = {}
    operations: Document = {}
    names = Names(channels)
    for path in dict.fromkeys(("/", *(path["path"] for path in api.paths))):
        name = names.find_free(name_channel(path))
        channels[name] = _describe_channel(path)
        for kind, action in _OPERATIONS:
            operations[f"{name}.{kind}"] = {
                "action": action,
                "channel": {REF: f"#/channels/{name}"},
                "messages": [{REF: f"#/channels/{name}/messages/any"}],
            } | gateway.security_of(api, path)
    info = {"title": api.name, "version": api.version, "description": api.description}
    tags = [{"name": link.tag} for link in api.tags]
    return {
        "asyncapi": GENERATED_VERSION,
        "info": {key: value for key, value in (info | {"tags": tags}).items() if value},
        "servers": gateway.servers(api),
        "channels": channels,
        "operations": operations,
        "components": {"securitySchemes": gateway.security_schemes(api)},
    }


def show(document: Document, api: Api, gateway: Gateway) -> Document:
    """Return a document of version 3 as subscribers see it: the gateway's servers and security, and no others'."""
    components = _without_backend(document.get("components", {}))
    addresses = {name: channel.get("address") for name, channel in document.get("channels", {}).items()}
    operations = {
        name: _unsecured(operation) | gateway.security_of(api, addresses.get(_channel_of(operation)))
        for name, operation in document.get("operations", {}).items()
    }
    return document | {
        "servers": gateway.servers(api),
        "channels": {name: _off_servers(channel) for name, channel in document.get("channels", {}).items()},
        "operations": operations,
        "components": components | {"securitySchemes": gateway.security_schemes(api)},
    }


def _without_backend(components: Document) -> Document:
    kept = {key: item for key, item in components.items() if key not in ("servers", "serverVariables")}
    for part, strip in (("channels", _off_servers), ("operations", _unsecured), ("operationTraits", _unsecured)):
        if part in kept:
            kept[part] = {name: strip(item) for name, item in kept[part].items()}
    return kept


def _off_servers(channel: Document) -> Document:
    if REF in channel:
        return {REF: channel[REF]}
    return {key: item for key, item in channel.items() if key != "servers"}


def _unsecured(part: Any) -> Any:
    """Return an operation, a trait, or whatever holds several, without its security."""
    if isinstance(part, list):
        return [_unsecured(item) for item in part]
    if not isinstance(part, dict):
        return part
    if REF in part:
        return {REF: part[REF]}  # what stands beside it means nothing
    kept = {key: item for key, item in part.items() if key != "security"}
    return kept | ({"traits": _unsecured(kept["traits"])} if "traits" in kept else {})


def _channel_of(operation: Document) -> str:
    """Return the name of an operation's channel."""
    parts = split_fragment(operation["channel"][REF]) if "channel" in operation else []
    return parts[-1] if parts else ""


def _scopes_of(api: Api, address: str | None) -> Sequence[str]:
    shape = shape_of(f"/{address.removeprefix('/')}") if address else None
    return next((path["scopes"] for path in api.paths if shape_of(path["path"]) == shape), ())


def _describe_channel(path: str) -> Document:
    names = [segment.strip("{}") for segment in parameters_of(path)]
    parameters: Document = {name: {} for name in names}
    address = path
    if ends_open(path):
        rest = "rest"
        while rest in parameters:
            rest += "_"
        address = f"{path.removesuffix(REST)}{{{rest}}}"
        parameters[rest] = {"description": "All segments that follow, or none."}
    channel: Document = {"address": address, "messages": {"any": {"summary": "A message of any form."}}}
    return channel | ({"parameters": parameters} if parameters else {})
