"""No list, and no page of the console, tells an organisation anything of another's."""

from typing import Any, Final

import httpx

from tests.integration.control_plane.platform import on_sqlite
from tests.integration.control_plane.routes.holdings import Cast
from tests.integration.control_plane.routes.test_roles import READABLE

pytestmark = on_sqlite

CANARY: Final = "canary7"
SHARED: Final = frozenset({f"/admin/v1/{kind}" for kind in READABLE} | {"/publisher/v1/categories"})
"""These are there once for all."""

GIVEN: Final = {"month": "2026-01"}


async def test_no_list_shows_what_another_organisation_has(cast: Cast) -> None:
    client, holding = await cast.hold(CANARY, "admin", restricted=False)
    stranger = await cast.stranger("elsewhere")
    known = {"python", "PRODUCTION", holding.ids["signing-keys"]}
    secret = {CANARY, *holding.ids.values()} - known
    document = cast.platform.app.openapi()["paths"]
    paths = [path for path, operations in document.items() if "get" in operations and "{" not in path]
    asked = {path: await look(stranger, path, secret) for path in paths if path not in SHARED}
    refused = {path for path, status in asked.items() if status != 200}
    assert {asked[path] for path in refused} == {403}
    assert all(path.startswith("/admin/v1/") for path in refused)
    assert CANARY in (await client.get("/publisher/v1/apis")).text


async def look(client: httpx.AsyncClient, path: str, secret: set[str]) -> int:
    """Return the status of a GET, which must tell nothing."""
    answer = await client.get(path, params=GIVEN)
    told = {word for word in secret if word in answer.text}
    assert not told, (path, answer.text)
    return answer.status_code


async def test_the_platform_finds_nothing_of_another_organisation(cast: Cast) -> None:
    stranger = await cast.stranger("elsewhere")
    api = await make(stranger, "/publisher/v1/apis", body())
    await make(stranger, f"/publisher/v1/apis/{api['id']}/lifecycle", {"action": "publish"}, 200)
    application = await make(stranger, "/store/v1/applications", {"name": CANARY})
    asked = {"application_id": application["id"], "api_id": api["id"], "policy": "Gold"}
    await make(stranger, "/store/v1/subscriptions", asked)
    await make(stranger, "/admin/v1/users", {"name": CANARY})
    await make(stranger, "/admin/v1/webhooks", {"url": f"https://127.0.0.1/{CANARY}", "active": False})
    client = cast.platform.client
    for path in ("/publisher/v1/apis", "/store/v1/apis", "/store/v1/applications", "/store/v1/subscriptions"):
        assert (await stranger.get(path)).json()["total"] >= 1
        assert api["id"] not in (await client.get(path)).text
    for path in ("/admin/v1/users", "/admin/v1/webhooks", "/admin/v1/audit", "/store/v1/tags"):
        assert CANARY not in (await client.get(path)).text
        assert api["id"] not in (await client.get(path)).text
    assert (await client.get(f"/publisher/v1/apis/{api['id']}")).status_code == 404
    assert (await client.get(f"/store/v1/apis/{api['id']}")).status_code == 404


def body() -> dict[str, Any]:
    urls = {"production": {"urls": ["ws://127.0.0.1:9"]}}
    tagged = {"tags": [CANARY], "policies": ["Gold"]}
    return {"name": CANARY, "context": f"/t/elsewhere/{CANARY}", "version": "1.0", "endpoints": urls, **tagged}


async def make(client: httpx.AsyncClient, path: str, sent: dict[str, Any], status: int = 201) -> dict[str, Any]:
    answer = await client.post(path, json=sent)
    assert answer.status_code == status, (path, answer.text)
    made: dict[str, Any] = answer.json()
    return made
