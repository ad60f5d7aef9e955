"""Stage 2: which API answers."""

import re
from urllib.parse import unquote

from services.data_plane.connection import Handshake, Route
from services.data_plane.inspection import Checks
from services.data_plane.paths import find_path, map_path
from services.data_plane.refusal import RefusedError, come_back_later
from services.data_plane.table import RouteTable
from shared.definition import ApiDefinition

_GONE = ("CREATED", "RETIRED")
_MAYBE_DOTS = re.compile(r"(?:^|/)\.|[%\\]")


def match(handshake: Handshake, table: RouteTable) -> Route:
    """Find the API of a path: the longest context that has the version which follows, or a default version."""
    segments = handshake.path.split("/")
    # RFC 3986, section 5.2.4: a backend would resolve these, and leave the path that its endpoint gives it.
    if _MAYBE_DOTS.search(handshake.path) and any(_is_dot_segment(segment) for segment in segments):
        raise RefusedError("malformed_upgrade", "The path has dot segments.")
    route = _find(segments, table)
    if route is None:
        raise RefusedError("api_not_found")
    check_state(route.api)
    route, checks = _tell_paths_apart(route), _find_checks(route, table)
    return route if checks is None else route._replace(checks=checks)


def match_again(route: Route, table: RouteTable) -> Route:
    """Return the route as a newer table has it: it may need other scopes. Its backend was asked already."""
    api = check_state(table.apis.get(route.api.id))
    if api is route.api:
        return route
    found = _tell_paths_apart(Route(api, route.asked, api.auth.scopes, route.asked))
    return found._replace(rest=route.rest, checks=route.checks)


def _tell_paths_apart(route: Route) -> Route:
    path = find_path(route.api.paths, route.asked)
    if path is None:
        return route
    scopes = tuple(dict.fromkeys((*route.scopes, *path.scopes)))
    return Route(route.api, map_path(path, route.asked), scopes, route.asked, path=path)


def check_state(api: ApiDefinition | None) -> ApiDefinition:
    """Return an API that serves. Raises `RefusedError`."""
    if api is None or api.state in _GONE:
        raise RefusedError("api_not_found")
    if api.state == "BLOCKED":
        raise RefusedError("api_blocked", headers={"Retry-After": "60"})
    return api


def _find_checks(route: Route, table: RouteTable) -> Checks | None:
    if route.api.id not in table.inspections:
        return None
    inspection = table.inspections[route.api.id]
    if inspection is None:  # what can't be checked must not pass
        raise come_back_later("not_ready", "How the API's messages are to be checked can't be read here.")
    return inspection.of(route.asked)


def _is_dot_segment(segment: str) -> bool:
    """Tell whether a segment is one, or would be to a server that unescapes slashes or cuts parameters off."""
    if "%" not in segment and "\\" not in segment:
        return segment.partition(";")[0] in (".", "..")
    parts = unquote(segment).replace("\\", "/").split("/")
    return any(part.partition(";")[0] in (".", "..") for part in parts)


def _find(segments: list[str], table: RouteTable) -> Route | None:
    for depth in range(min(len(segments), table.depth), 1, -1):
        versions = table.contexts.get("/".join(segments[:depth]))
        if versions is None:
            continue
        if depth < len(segments) and (api := versions.by_name.get(segments[depth])):
            return _route(api, segments[depth + 1 :])
        if api := versions.default:
            return _route(api, segments[depth:])
    return None


def _route(api: ApiDefinition, segments: list[str]) -> Route:
    rest = "/" + "/".join(segments) if segments else ""
    return Route(api, rest, api.auth.scopes, rest)
