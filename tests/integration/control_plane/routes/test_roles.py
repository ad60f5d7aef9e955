"""The role matrix: every route with an id in its path, called by every role on what is its own and on another's."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import httpx
import pytest

from tests.integration.control_plane.platform import Platform, on_sqlite
from tests.integration.control_plane.routes.holdings import Cast, Holding

pytestmark = on_sqlite

ROLES: Final = ("admin", "creator", "publisher", "subscriber", None)

OK: Final = 0
"""What the route answers when all is well."""

SLUGS: Final = {401: "unauthorized", 403: "insufficient_scope", 404: "not_found"}


@dataclass(frozen=True)
class Rule:
    """What each of `ROLES` is answered for what is its own, or anybody may see, and for what is another's."""

    own: tuple[int, int, int, int, int]
    foreign: tuple[int, int, int, int, int]


MANAGE = Rule((OK, OK, OK, 403, 401), (OK, 404, 404, 403, 401))
PUBLISH = Rule((OK, 403, OK, 403, 401), (OK, 403, 404, 403, 401))
SUBSCRIBE = Rule((OK, 403, 403, OK, 401), (404, 403, 403, 404, 401))
BROWSE = Rule((OK, OK, OK, OK, OK), (404, 404, 404, 404, 404))
ADMINISTER = Rule((OK, 403, 403, 403, 401), (OK, 403, 403, 403, 401))
OWN_ACCOUNT = Rule((OK, OK, OK, OK, 401), (404, 404, 404, 404, 401))
OTHER_TOKEN = Rule((401, 401, 401, 401, 401), (401, 401, 401, 401, 401))  # an application's, or of a registration

PUBLISHED: Final = "/publisher/v1/apis/{api_id}"
APPLICATION: Final = "/store/v1/applications/{application_id}"
REGISTERED: Final = "/oauth2/register/{client_id}"

APART: Final = frozenset({"users", "service-accounts", "approvals", "webhooks", "external-keys"})
"""What each organisation's administrators have for themselves."""

READABLE: Final = frozenset({"policies", "roles", "categories", "environments"})
"""What is there once for all, and all administrators may read."""

Row = tuple[Rule, int, Any]

# In the order of the calls: what ends others comes last.
MATRIX: Final[dict[str, Row]] = {
    f"GET {PUBLISHED}": (MANAGE, 200, None),
    f"GET {PUBLISHED}/lifecycle": (MANAGE, 200, None),
    f"GET {PUBLISHED}/asyncapi": (MANAGE, 200, None),
    f"GET {PUBLISHED}/asyncapi/diff": (MANAGE, 200, None),
    f"GET {PUBLISHED}/subscriptions": (MANAGE, 200, None),
    f"GET {PUBLISHED}/usage": (MANAGE, 200, None),
    f"GET {PUBLISHED}/documents": (MANAGE, 200, None),
    f"GET {PUBLISHED}/documents/{{document_id}}": (MANAGE, 200, None),
    f"GET {PUBLISHED}/documents/{{document_id}}/file": (MANAGE, 200, None),
    f"GET {PUBLISHED}/thumbnail": (MANAGE, 200, None),
    f"GET {PUBLISHED}/connections": (MANAGE, 200, None),
    f"GET {PUBLISHED}/tail": (MANAGE, 200, None),
    f"DELETE {PUBLISHED}/lifecycle/pending": (PUBLISH, 204, None),
    f"DELETE {PUBLISHED}/comments/{{comment_id}}": (MANAGE, 204, None),
    "GET /store/v1/apis/{api_id}": (BROWSE, 200, None),
    "GET /store/v1/apis/{api_id}/asyncapi": (BROWSE, 200, None),
    "GET /store/v1/apis/{api_id}/documents": (BROWSE, 200, None),
    "GET /store/v1/apis/{api_id}/documents/{document_id}": (BROWSE, 200, None),
    "GET /store/v1/apis/{api_id}/documents/{document_id}/file": (BROWSE, 200, None),
    "GET /store/v1/apis/{api_id}/thumbnail": (BROWSE, 200, None),
    "GET /store/v1/apis/{api_id}/snippets": (BROWSE, 200, None),
    "GET /store/v1/apis/{api_id}/snippets/{language}": (BROWSE, 200, None),
    "GET /store/v1/apis/{api_id}/comments": (BROWSE, 200, None),
    "POST /store/v1/apis/{api_id}/comments": (SUBSCRIBE, 201, {"text": "Fast"}),
    "DELETE /store/v1/apis/{api_id}/comments/{comment_id}": (SUBSCRIBE, 204, None),
    "PUT /store/v1/apis/{api_id}/rating": (SUBSCRIBE, 200, {"stars": 5}),
    "GET /store/v1/apis/{api_id}/rating": (SUBSCRIBE, 200, None),
    "DELETE /store/v1/apis/{api_id}/rating": (SUBSCRIBE, 204, None),
    "GET /store/v1/subscriptions/{subscription_id}": (SUBSCRIBE, 200, None),
    f"GET {APPLICATION}": (SUBSCRIBE, 200, None),
    f"GET {APPLICATION}/quota": (SUBSCRIBE, 200, None),
    f"GET {APPLICATION}/usage": (SUBSCRIBE, 200, None),
    f"GET {APPLICATION}/tail": (SUBSCRIBE, 200, None),
    f"GET {APPLICATION}/keys": (SUBSCRIBE, 200, None),
    f"GET {APPLICATION}/keys/{{key_type}}": (SUBSCRIBE, 200, None),
    f"GET {APPLICATION}/external-keys": (SUBSCRIBE, 200, None),
    f"GET {APPLICATION}/external-keys/{{key_id}}": (SUBSCRIBE, 200, None),
    f"GET {APPLICATION}/api-keys": (SUBSCRIBE, 200, None),
    f"GET {APPLICATION}/api-keys/{{key_id}}": (SUBSCRIBE, 200, None),
    f"GET {REGISTERED}": (OTHER_TOKEN, 200, None),
    "GET /admin/v1/policies/{name}": (ADMINISTER, 200, None),
    "GET /admin/v1/blocklist/{block_id}": (ADMINISTER, 200, None),
    "GET /admin/v1/categories/{name}": (ADMINISTER, 200, None),
    "GET /admin/v1/issuers/{name}": (ADMINISTER, 200, None),
    "GET /admin/v1/service-accounts/{account_id}": (ADMINISTER, 200, None),
    "GET /admin/v1/users/{user_id}": (ADMINISTER, 200, None),
    "GET /admin/v1/roles/{name}": (ADMINISTER, 200, None),
    "GET /admin/v1/approvals/{approval_id}": (ADMINISTER, 200, None),
    "POST /admin/v1/approvals/{approval_id}/approve": (ADMINISTER, 200, None),
    "POST /admin/v1/approvals/{approval_id}/reject": (ADMINISTER, 200, None),
    "GET /admin/v1/webhooks/{webhook_id}": (ADMINISTER, 200, None),
    "GET /admin/v1/webhooks/{webhook_id}/deliveries": (ADMINISTER, 200, None),
    "POST /admin/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver": (ADMINISTER, 200, None),
    "POST /admin/v1/webhooks/{webhook_id}/rotate-secret": (ADMINISTER, 200, None),
    "PATCH /admin/v1/webhooks/{webhook_id}": (ADMINISTER, 200, {"description": "Ours"}),
    "PUT /admin/v1/webhooks/{webhook_id}": (ADMINISTER, 200, {"url": "https://127.0.0.1/", "active": False}),
    "DELETE /admin/v1/webhooks/{webhook_id}": (ADMINISTER, 204, None),
    "GET /admin/v1/environments/{name}": (ADMINISTER, 200, None),
    "POST /store/v1/connections/{connection_id}/token": (OTHER_TOKEN, 200, None),
    f"DELETE {PUBLISHED}/connections/{{connection_id}}": (MANAGE, 204, None),
    "DELETE /store/v1/connections/{connection_id}": (SUBSCRIBE, 204, None),
    "DELETE /admin/v1/connections/{connection_id}": (ADMINISTER, 204, None),
    f"DELETE {PUBLISHED}/connections": (MANAGE, 200, None),
    f"PATCH {PUBLISHED}": (MANAGE, 200, {"description": "Says it again"}),
    f"PUT {PUBLISHED}": (MANAGE, 200, None),
    f"PUT {PUBLISHED}/asyncapi": (MANAGE, 200, None),
    f"POST {PUBLISHED}/documents": (MANAGE, 201, {"name": "two"}),
    f"PUT {PUBLISHED}/documents/{{document_id}}": (MANAGE, 200, {"name": "three", "source": "file"}),
    f"PUT {PUBLISHED}/documents/{{document_id}}/file": (MANAGE, 200, None),
    f"DELETE {PUBLISHED}/documents/{{document_id}}": (MANAGE, 204, None),
    f"PUT {PUBLISHED}/thumbnail": (MANAGE, 200, None),
    f"DELETE {PUBLISHED}/thumbnail": (MANAGE, 204, None),
    f"POST {PUBLISHED}/versions": (MANAGE, 201, {"version": "2.0"}),
    f"POST {PUBLISHED}/subscriptions/move": (MANAGE, 200, None),
    f"POST {PUBLISHED}/endpoints/test": (MANAGE, 200, None),
    "POST /publisher/v1/subscriptions/{subscription_id}/block": (MANAGE, 200, {"scope": "all"}),
    "POST /publisher/v1/subscriptions/{subscription_id}/unblock": (MANAGE, 200, None),
    f"POST {PUBLISHED}/lifecycle": (PUBLISH, 200, {"action": "deprecate"}),
    f"DELETE {PUBLISHED}": (MANAGE, 204, None),
    f"PATCH {APPLICATION}": (SUBSCRIBE, 200, {"description": "Asks"}),
    f"PUT {APPLICATION}": (SUBSCRIBE, 200, {"name": "Renamed"}),
    f"POST {APPLICATION}/keys": (SUBSCRIBE, 201, {"key_type": "SANDBOX"}),
    f"PUT {APPLICATION}/keys/{{key_type}}": (SUBSCRIBE, 200, {"validity_seconds": 60}),
    f"POST {APPLICATION}/keys/{{key_type}}/regenerate-secret": (SUBSCRIBE, 200, {"overlap_seconds": 60}),
    f"POST {APPLICATION}/keys/{{key_type}}/token": (SUBSCRIBE, 200, {}),
    f"DELETE {APPLICATION}/keys/{{key_type}}": (SUBSCRIBE, 204, None),
    f"POST {APPLICATION}/external-keys": (SUBSCRIBE, 201, None),
    f"DELETE {APPLICATION}/external-keys/{{key_id}}": (SUBSCRIBE, 204, None),
    "DELETE /admin/v1/external-keys/{key_id}": (ADMINISTER, 204, None),
    f"POST {APPLICATION}/api-keys": (SUBSCRIBE, 201, {"name": "two", "key_type": "SANDBOX"}),
    f"PATCH {APPLICATION}/api-keys/{{key_id}}": (SUBSCRIBE, 200, {"name": "three"}),
    f"PUT {APPLICATION}/api-keys/{{key_id}}": (SUBSCRIBE, 200, {"name": "four"}),
    f"DELETE {APPLICATION}/api-keys/{{key_id}}": (SUBSCRIBE, 204, None),
    "PATCH /store/v1/subscriptions/{subscription_id}": (SUBSCRIBE, 200, {"policy": "Gold"}),
    "DELETE /store/v1/subscriptions/{subscription_id}": (SUBSCRIBE, 204, None),
    f"PUT {REGISTERED}": (OTHER_TOKEN, 200, {"client_name": "Renamed"}),
    f"DELETE {REGISTERED}": (OTHER_TOKEN, 204, None),
    f"DELETE {APPLICATION}": (SUBSCRIBE, 204, None),
    "PATCH /admin/v1/policies/{name}": (ADMINISTER, 200, {"shadow": True}),
    "PUT /admin/v1/policies/{name}": (ADMINISTER, 200, None),
    "DELETE /admin/v1/policies/{name}": (ADMINISTER, 204, None),
    "DELETE /admin/v1/blocklist/{block_id}": (ADMINISTER, 204, None),
    "PUT /admin/v1/categories/{name}": (ADMINISTER, 200, {"description": "Says it again"}),
    "DELETE /admin/v1/categories/{name}": (ADMINISTER, 204, None),
    "PUT /admin/v1/issuers/{name}": (ADMINISTER, 200, None),
    "DELETE /admin/v1/issuers/{name}": (ADMINISTER, 204, None),
    "POST /admin/v1/service-accounts/{account_id}/rotate-secret": (ADMINISTER, 200, {"overlap_seconds": 60}),
    "DELETE /admin/v1/service-accounts/{account_id}": (ADMINISTER, 204, None),
    "PATCH /admin/v1/users/{user_id}": (ADMINISTER, 200, {"disabled": True}),
    "POST /admin/v1/users/{user_id}/reset-password": (ADMINISTER, 200, None),
    "DELETE /admin/v1/users/{user_id}": (ADMINISTER, 204, None),
    "PATCH /admin/v1/roles/{name}": (ADMINISTER, 200, {"scopes": ["store:subscribe"]}),
    "DELETE /admin/v1/roles/{name}": (ADMINISTER, 204, None),
    "PATCH /admin/v1/environments/{name}": (ADMINISTER, 200, {"description": "Somewhere"}),
    "PUT /admin/v1/environments/{name}": (ADMINISTER, 200, None),
    "DELETE /admin/v1/environments/{name}": (ADMINISTER, 204, None),
    "GET /admin/v1/organisations/{name}": (ADMINISTER, 200, None),
    "PATCH /admin/v1/organisations/{name}": (ADMINISTER, 200, {"description": "Others"}),
    "PUT /admin/v1/organisations/{name}": (ADMINISTER, 200, {"description": "Ours"}),
    "DELETE /admin/v1/organisations/{name}": (ADMINISTER, 204, None),
    "DELETE /account/v1/tokens/{token_id}": (OWN_ACCOUNT, 204, None),
    "DELETE /admin/v1/signing-keys/{kid}": (ADMINISTER, 204, None),
}


def routes_with_ids(document: dict[str, Any]) -> Iterator[tuple[str, set[int]]]:
    """Yield each route that names one resource, with the statuses that it is said to answer."""
    for path, operations in document["paths"].items():
        if "{" in path:
            for method, operation in operations.items():
                yield f"{method.upper()} {path}", {int(status) for status in operation["responses"]}


async def call(client: httpx.AsyncClient, route: str, holding: Holding) -> httpx.Response:
    _, _, default = MATRIX[route]
    body = holding.bodies.get(route, default)
    sent: dict[str, Any] = {"content" if isinstance(body, bytes) else "json": body}
    path = holding.path(route)
    return await client.request(route.partition(" ")[0], path, params=holding.queries.get(route), **sent)


def check(answer: httpx.Response, said: set[int]) -> int:
    """Return an answer's status, which must be among those that the route is said to have, and of the right kind."""
    assert answer.status_code in said, answer.text
    if (slug := SLUGS.get(answer.status_code)) is not None:
        assert answer.json()["type"] == f"/problems/{slug}"
    return answer.status_code


async def test_a_route_with_an_id_stands_in_the_matrix(platform: Platform) -> None:
    assert {route for route, _ in routes_with_ids(platform.app.openapi())} == set(MATRIX)


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_gets_what_the_matrix_says(cast: Cast, role: str | None) -> None:
    said = dict(routes_with_ids(cast.platform.app.openapi()))
    caller, own = await cast.hold("one", role, restricted=False)
    _, foreign = await cast.hold("other", role, restricted=True)
    nowhere = replace(foreign, ids=dict.fromkeys(foreign.ids, "nowhere") | {"keys": "PRODUCTION"})
    if role is None:
        del caller.headers["Authorization"]
    answered = {}
    for route in MATRIX:
        unknown = await call(caller, route, nowhere)
        refused = await call(caller, route, foreign)
        if refused.status_code == 404:
            assert refused.json() == unknown.json(), "it tells what one may not know of"
        answered[route] = (check(await call(caller, route, own), said[route]), check(refused, said[route]))
        check(unknown, said[route])
    assert answered == {route: expected(row, ROLES.index(role)) for route, row in MATRIX.items()}


def expected(row: Row, at: int) -> tuple[int, int]:
    rule, fine, _ = row
    return rule.own[at] or fine, rule.foreign[at] or fine


async def test_an_administrator_of_another_organisation_finds_nothing_and_operates_nothing(cast: Cast) -> None:
    _, holding = await cast.hold("one", "admin", restricted=False)
    stranger = await cast.stranger("elsewhere")
    nowhere = replace(holding, ids=dict.fromkeys(holding.ids, "nowhere") | {"keys": "PRODUCTION"})
    answered = {}
    for route in MATRIX:
        answer = await call(stranger, route, holding)
        answered[route] = answer.status_code
        if answer.status_code == 404:
            assert answer.json() == (await call(stranger, route, nowhere)).json(), "it tells what one may not know of"
        if answer.status_code == 403:
            assert answer.json()["type"] == "/problems/platform_only"
    assert answered == {route: apart(route) for route in MATRIX}


def apart(route: str) -> int:
    """Return what an administrator of another organisation is answered."""
    rule, fine, _ = MATRIX[route]
    if rule is OTHER_TOKEN:
        return 401
    if rule is not ADMINISTER:
        return 404
    kind = route.split("/")[3]
    if kind in APART:
        return 404
    return fine if kind in READABLE and route.startswith("GET ") else 403
