"""`framegate import-wso2`: a WebSocket API of an `apictl` project as a manifest, and what has no place in one."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.errors import CommandError
from cli.output import Show, show
from cli.tokens import Output

_API_FILES = ("api.yaml", "api.json", "Meta-information/api.yaml", "Meta-information/api.json")
_STATES = {"PRE-RELEASED": "prototyped"}
_BALANCE = {"load_balance": "round_robin", "failover": "failover"}
_AUTH_TYPES = {"oauth2": "oauth2", "api_key": "api_key"}
_FOLDERS = {
    "Client-certificates": "clients are known by tokens and keys, not by certificates",
    "Endpoint-certificates": "write the authorities of the backend into ca_certificate",
    "Policies": "messages are not changed on their way",
}
# What says nothing of how an API behaves.
_NOTHING = frozenset(
    (
        "additionalPropertiesMap",
        "advertiseInfo",
        "asyncTransportProtocols",
        "cacheTimeout",
        "corsConfiguration",  # its origins are taken
        "createdTime",
        "enableStore",
        "endpointImplementationType",
        "gatewayType",
        "gatewayVendor",
        "hasThumbnail",
        "id",
        "isRevision",
        "lastUpdatedTime",
        "organizationId",
        "provider",
        "revisionId",
        "revisionedApiId",
        "transport",
        "type",
        "visibleTenants",
        "websubSubscriptionConfiguration",
        "workflowStatus",
    )
)
# What is so here always.
_USUAL = {
    "accessControl": "NONE",
    "authorizationHeader": "Authorization",
    "keyManagers": ["all"],
    "subscriptionAvailability": "CURRENT_TENANT",
}
_KINDS = {
    "businessInformation": dict,
    "categories": list,
    "endpointConfig": dict,
    "operations": list,
    "policies": list,
    "securityScheme": list,
    "tags": list,
}


@dataclass(slots=True)
class Conversion:
    """An API of a manifest, and what became of each field that it comes from."""

    api: dict[str, Any] = field(default_factory=dict)
    mapped: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)

    def take(self, source: str, target: str, value: Any) -> None:
        if value not in (None, "", [], {}):
            self.api[target] = value
            self.mapped[source] = target

    def leave(self, source: str, why: str) -> None:
        self.left[source] = why


def import_wso2(
    project: Annotated[Path, typer.Argument(help="The folder that apictl wrote.", exists=True, file_okay=False)],
    output: Show = Output.text,
) -> None:
    """Print a WebSocket API of WSO2 as a manifest, and on stderr what was mapped and what was not."""
    from cli import manifest, manifest_folder, wso2_files  # noqa: PLC0415 - what they load is not in a pod's image

    found = convert(_read(project))
    wso2_files.take(found, project)
    for name, why in _FOLDERS.items():
        if (project / name).is_dir() and any((project / name).iterdir()):
            found.leave(f"{name}/", why)
    for place, message in manifest.find_faults({"apis": [found.api]}):
        found.leave(place, f"not valid: {message}")
    made = {"apis": [manifest_folder.escape(found.api)]}
    if output is Output.json:
        show({"manifest": made, "mapped": found.mapped, "not_mapped": found.left}, output)
        return
    show(made, output)
    for source, target in found.mapped.items():
        print(f"mapped      {source} to {target}", file=sys.stderr)
    for source, why in found.left.items():
        print(f"not mapped  {source}: {why}", file=sys.stderr)


def convert(data: Mapping[str, Any]) -> Conversion:
    """Return an API as WSO2 describes it since 4.0, or before. Raises `CommandError` where it is no WebSocket API."""
    data = _modernise(data) if isinstance(data.get("id"), dict) else data
    if str(data.get("type", "")).upper() != "WS":
        raise CommandError(f"an API of type {data.get('type')}: only WebSocket APIs, of type WS, are imported")
    found = Conversion()
    for name, value in data.items():
        if value in (None, "", [], {}, False, _USUAL.get(name)) or name in _NOTHING:
            continue
        if not isinstance(value, _KINDS.get(name, object)):
            found.leave(name, "can't be read")
        elif name in _STEPS:
            _STEPS[name](found, data)
        else:
            found.leave(name, "has no counterpart")
    _take_origins(found, data)
    return found


def _take_plain(source: str, target: str) -> Callable[[Conversion, Mapping[str, Any]], None]:
    return lambda found, data: found.take(source, target, data[source])


def _take_version(found: Conversion, data: Mapping[str, Any]) -> None:
    found.take("version", "version", str(data["version"]))
    if not isinstance(data["version"], str):
        found.leave("version", "was no text: see that it is right")


def _take_context(found: Conversion, data: Mapping[str, Any]) -> None:
    version = str(data.get("version"))
    context = "/" + str(data["context"]).strip("/").removesuffix(f"/{version}").removesuffix("/{version}")
    found.take("context", "context", context)
    if "{version}" in context:
        found.leave("context", "the version always stands behind the context here: write it without {version}")


def _take_state(found: Conversion, data: Mapping[str, Any]) -> None:
    state = str(data["lifeCycleStatus"])
    found.take("lifeCycleStatus", "state", _STATES.get(state, state.lower()))


def _take_policies(found: Conversion, data: Mapping[str, Any]) -> None:
    found.take("policies", "policies", [str(name) for name in data["policies"]])
    found.leave("policies", "see that these exist: framegate policy list --level subscription")


def _take_visibility(found: Conversion, data: Mapping[str, Any]) -> None:
    if str(data["visibility"]).upper() == "PUBLIC":
        found.take("visibility", "visibility", "public")
        return
    found.take("visibility", "visibility", "restricted")
    found.take("visibleRoles", "roles", data.get("visibleRoles"))
    found.leave("visibility", "see that the roles exist: without one nobody finds the API in the store")


def _take_owners(found: Conversion, data: Mapping[str, Any]) -> None:
    known = data["businessInformation"]
    for owner in ("business", "technical"):
        name, email = known.get(f"{owner}Owner"), known.get(f"{owner}OwnerEmail")
        if name or email:
            contact = {"name": str(name or email), **({"email": str(email)} if email else {})}
            found.take("businessInformation", f"{owner}_owner", contact)


def _take_categories(found: Conversion, data: Mapping[str, Any]) -> None:
    found.take("categories", "categories", [str(name) for name in data["categories"]])
    found.leave("categories", "see that these exist: framegate category list")


def _take_properties(found: Conversion, data: Mapping[str, Any]) -> None:
    given = data["additionalProperties"]
    listed = given if isinstance(given, list) else []
    pairs = (
        given.items()
        if isinstance(given, dict)
        else [(each["name"], each.get("value")) for each in listed if _is_named(each)]
    )
    found.take("additionalProperties", "properties", {str(name): str(value) for name, value in pairs})


def _take_auth(found: Conversion, data: Mapping[str, Any]) -> None:
    given = [str(item) for item in data["securityScheme"]]
    types = [_AUTH_TYPES[item] for item in given if item in _AUTH_TYPES]
    found.take("securityScheme", "auth", {"types": types or ["oauth2"]})
    others = [item for item in given if item not in _AUTH_TYPES and not item.endswith("_mandatory")]
    if others:
        found.leave("securityScheme", f"clients can't authenticate by {', '.join(others)}")


def _take_endpoints(found: Conversion, data: Mapping[str, Any]) -> None:
    config = data["endpointConfig"]
    endpoints: dict[str, dict[str, Any]] = {}
    for environment in ("production", "sandbox"):
        first = _urls(config.get(f"{environment}_endpoints"))
        others = _urls(config.get(f"{environment}_failovers"))
        if first or others:
            endpoints[environment] = {"urls": [*first, *others]}
            if len(first + others) > 1:
                endpoints[environment]["balance"] = _BALANCE.get(str(config.get("endpoint_type")), "round_robin")
    found.take("endpointConfig", "endpoints", endpoints)
    if config.get("endpoint_security"):
        found.leave("endpointConfig.endpoint_security", "write backend_credentials, with the secret as ${NAME}")


def _urls(node: Any) -> list[str]:
    nodes = node if isinstance(node, list) else [node]
    return [str(item["url"]) for item in nodes if isinstance(item, dict) and item.get("url")]


def _take_operations(found: Conversion, data: Mapping[str, Any]) -> None:
    """Map topics that ask for scopes or have another name at the backend; the others need no path of their own."""
    topics: dict[str, dict[str, Any]] = {}
    for operation in filter(_is_object, data["operations"]):
        target = str(operation.get("target", "/*"))
        topic = topics.setdefault(target, {"path": target, "scopes": []})
        topic["scopes"] += [str(scope) for scope in operation.get("scopes") or () if scope not in topic["scopes"]]
        mapping = operation.get("uriMapping")
        if mapping and mapping != target:
            topic["backend_path"] = str(mapping)
        if operation.get("throttlingPolicy") not in (None, "", "Unlimited"):
            found.leave(f"operations {target} throttlingPolicy", "an API has one policy, for all of its paths")
    paths = [topic for topic in topics.values() if topic["scopes"] or "backend_path" in topic]
    found.take("operations", "paths", paths)
    found.leave("operations", "other paths are let through, and scopes hold for both directions")


def _is_named(value: Any) -> bool:
    return isinstance(value, dict) and "name" in value


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _take_origins(found: Conversion, data: Mapping[str, Any]) -> None:
    cors = data.get("corsConfiguration")
    if not isinstance(cors, dict):
        return
    origins = cors.get("accessControlAllowOrigins") or []
    if cors.get("corsConfigurationEnabled") and "*" not in origins:
        found.take("corsConfiguration.accessControlAllowOrigins", "origins", origins)


_STEPS: dict[str, Callable[[Conversion, Mapping[str, Any]], None]] = {
    "name": _take_plain("name", "name"),
    "context": _take_context,
    "version": _take_version,
    "isDefaultVersion": _take_plain("isDefaultVersion", "default"),
    "description": _take_plain("description", "description"),
    "tags": _take_plain("tags", "tags"),
    "categories": _take_categories,
    "businessInformation": _take_owners,
    "additionalProperties": _take_properties,
    "endpointConfig": _take_endpoints,
    "policies": _take_policies,
    "apiThrottlingPolicy": _take_plain("apiThrottlingPolicy", "api_policy"),
    "securityScheme": _take_auth,
    "operations": _take_operations,
    "visibility": _take_visibility,
    "visibleRoles": lambda *_: None,  # with the visibility
    "lifeCycleStatus": _take_state,
}


def _modernise(old: Mapping[str, Any]) -> dict[str, Any]:
    """Return what projects before 4.0 say in the words of those since."""
    from services.control_plane.kit.documents import DocumentError, read_json  # noqa: PLC0415 - pods need no control plane

    renamed = {"status": "lifeCycleStatus", "apiLevelPolicy": "apiThrottlingPolicy"}
    new = {renamed.get(name, name): value for name, value in old.items()}
    new |= {"id": None, "name": old["id"].get("apiName"), "version": old["id"].get("version")}
    new["policies"] = [tier.get("name") for tier in new.pop("availableTiers", None) or ()]
    if isinstance(roles := new.get("visibleRoles"), str):
        new["visibleRoles"] = roles.split(",")
    try:
        new["endpointConfig"] = read_json(str(old.get("endpointConfig") or "{}").encode())
    except DocumentError as error:
        raise CommandError(f"endpointConfig: {error}") from error
    for name in ("contextTemplate", "uuid", "transports", "apiHeaderOrder", "environments"):
        new.pop(name, None)
    return new


def _read(project: Path) -> dict[str, Any]:
    from services.control_plane.kit.documents import DocumentError, read_yaml  # noqa: PLC0415 - pods need no control plane

    for path in (project / name for name in _API_FILES):
        if not path.is_file():
            continue
        try:
            document = read_yaml(path.read_bytes())
        except (OSError, DocumentError) as error:
            raise CommandError(f"{path}: {error}") from error
        data = document.get("data", document) if isinstance(document, dict) else None
        if not isinstance(data, dict):
            raise CommandError(f"{path}: does not describe an API")
        return data
    raise CommandError(f"{project}: there is no {_API_FILES[0]}")
