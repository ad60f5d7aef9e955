"""Organisations over REST, and what their administrators may do."""

from typing import Any

import httpx
import pytest

from services.control_plane.kit.problems import InvalidError
from services.control_plane.publisher.contexts import check_context
from services.control_plane.publisher.models import Api
from tests.integration.control_plane.platform import (
    CLIENT_ID,
    CLIENT_SECRET,
    ECHO,
    Platform,
    fields,
    on_sqlite,
    problem,
)

ORGANISATIONS = "/admin/v1/organisations"
USERS = "/admin/v1/users"
ACME: dict[str, Any] = {"name": "acme", "description": "Anvils"}


async def test_an_organisation_is_made_changed_and_deleted(platform: Platform) -> None:
    made = await platform.client.post(ORGANISATIONS, json=ACME)
    path = made.headers["location"]
    assert (await platform.read(path)) == made.json()
    problem(await platform.client.post(ORGANISATIONS, json=ACME), 409, "already_exists")
    assert [row["name"] for row in (await platform.read(ORGANISATIONS))["items"]] == ["acme", "default"]
    patched = await platform.client.patch(path, json={"description": "Rockets"})
    assert patched.json()["description"] == "Rockets"
    problem(await platform.client.delete(path, headers={"If-Match": made.headers["etag"]}), 412, "precondition_failed")
    assert (await platform.client.put(path, json=ACME)).json()["description"] == "Anvils"
    assert (await platform.client.delete(path)).status_code == 204
    problem(await platform.client.get(path), 404, "not_found")
    problem(await platform.client.delete(f"{ORGANISATIONS}/default"), 409, "conflict")


@pytest.mark.parametrize("name", ["Acme", "a/b", "-a", "a" * 41, ""])
@on_sqlite
async def test_a_name_can_stand_in_a_context(platform: Platform, name: str) -> None:
    assert "name" in fields(await platform.client.post(ORGANISATIONS, json={"name": name}))


async def test_what_somebody_belongs_to_stays(platform: Platform) -> None:
    await platform.made(ORGANISATIONS, ACME)
    async with platform.account("boss", roles=("admin",), organisation="acme") as boss:
        made = await boss.post(USERS, json={"name": "maria", "roles": ["publisher"]})
        assert made.json()["organisation"] == "acme"
        problem(await platform.client.delete(f"{ORGANISATIONS}/acme"), 409, "in_use")
        assert (await boss.delete(made.headers["location"])).status_code == 204
        me = (await boss.get("/account/v1/me")).json()
        assert me["organisation"] == "acme"
        assert (await boss.delete(f"/admin/v1/service-accounts/{me['id']}")).status_code == 204
    assert (await platform.client.delete(f"{ORGANISATIONS}/acme")).status_code == 204
    kept = await platform.read("/admin/v1/audit", action="service_account.delete", target_id=me["id"])
    assert kept["total"] == 1, "what was written down passes to the platform"


async def test_the_platform_chooses_where_an_account_belongs(platform: Platform) -> None:
    await platform.made(ORGANISATIONS, ACME)
    assert (await platform.made(USERS, {"name": "one"}))["organisation"] == "default"
    assert (await platform.made(USERS, {"name": "two", "organisation": "acme"}))["organisation"] == "acme"
    assert "organisation" in fields(await platform.client.post(USERS, json={"name": "x", "organisation": "none"}))
    assert {row["name"] for row in (await platform.read(USERS))["items"]} >= {"one"}
    assert "two" not in {row["name"] for row in (await platform.read(USERS))["items"]}
    assert (await platform.read("/admin/v1/audit", action="user.create"))["total"] >= 2  # it is the platform's doing
    async with platform.account("boss", roles=("admin",), organisation="acme") as boss:
        messages = [
            fields(await boss.post(USERS, json={"name": "x", "organisation": name}))["organisation"]
            for name in ("default", "nowhere")
        ]
        assert messages[0].replace("default", "nowhere") == messages[1]
        service = {"name": "x", "organisation": "default"}
        assert "organisation" in fields(await boss.post("/admin/v1/service-accounts", json=service))
        problem(await boss.post(USERS, json={"name": "one"}), 409, "already_exists")
        assert {row["name"] for row in (await boss.get(USERS)).json()["items"]} == {"two"}
        policy = {"name": "x", "level": "api", "limits": [{"unit": "messages", "amount": 1}]}
        problem(await boss.post("/publisher/v1/apply", json={"policies": [policy]}), 403, "platform_only")
        assert (await boss.get("/publisher/v1/export")).status_code in (200, 404)


async def test_contexts_are_apart_and_names_are_each_ones_own(platform: Platform) -> None:
    await platform.made(ORGANISATIONS, ACME)
    await platform.publish_api()
    async with platform.account("boss", roles=("admin",), organisation="acme") as boss:
        apis = "/publisher/v1/apis"
        taken = fields(await boss.post(apis, json=ECHO))
        free = fields(await boss.post(apis, json={**ECHO, "context": "/nothing"}))
        assert taken == free == {"context": "must begin with /t/acme/, and go on: /t/acme/echo"}
        made = await boss.post(apis, json={**ECHO, "context": "/t/acme/echowebsocket"})
        assert made.status_code == 201, "a name of another organisation's API is free"
        problem(await boss.post(apis, json={**ECHO, "context": "/t/acme/other"}), 409, "already_exists")
        copy = await boss.post(f"{apis}/{made.json()['id']}/versions", json={"version": "2.0"})
        assert copy.status_code == 201
    assert "context" in fields(await platform.client.post(apis, json={**ECHO, "context": "/T/acme"}))


@pytest.mark.parametrize(("context", "version"), [("/t", "acme"), ("/t/acme", "1.0"), ("/t/ACME/echo", "1.0")])
async def test_an_organisation_whose_part_is_taken_by_an_older_api(
    platform: Platform, context: str, version: str
) -> None:
    made = await platform.make_api()
    with platform.database.writing() as session:
        api = session.get_one(Api, made["id"])
        api.context, api.version = context, version
        api.context_key, api.route_key = context.lower(), f"{context}/{version}".lower()
    answer = await platform.client.post(ORGANISATIONS, json=ACME)
    assert f"An API has the context {context}:" in problem(answer, 409, "conflict")["detail"]


def test_a_context_is_in_its_organisations_part() -> None:
    for organisation, context in (("default", "/echo"), ("default", "/tea"), ("acme", "/T/Acme/x")):
        check_context(organisation, context)
    for organisation, context in (("default", "/t"), ("default", "/T/x"), ("acme", "/echo"), ("acme", "/t/acme")):
        with pytest.raises(InvalidError):
            check_context(organisation, context)
    with pytest.raises(InvalidError):
        check_context("acme", "/t/acme2/x")


async def test_tokens_of_applications_are_of_their_organisation(platform: Platform) -> None:
    await platform.made(ORGANISATIONS, ACME)
    foreign = await platform.publish_api(visibility="public")
    async with platform.account("boss", roles=("admin",), organisation="acme") as boss:
        api = (await boss.post("/publisher/v1/apis", json={**ECHO, "context": "/t/acme/echo"})).json()
        await boss.post(f"/publisher/v1/apis/{api['id']}/lifecycle", json={"action": "publish"})
        metadata = {"client_name": "anvil", "grant_types": ["client_credentials"]}
        client = (await boss.post("/oauth2/register", json=metadata)).json()
        token = await platform.fetch_token(client["client_id"], client["client_secret"])
        headers = {"Authorization": f"Bearer {token}"}
        made = await boss.post("/store/v1/tickets", json={"api_id": api["id"]}, headers=headers)
        assert made.status_code == 201, made.text
        refused = await boss.post("/store/v1/tickets", json={"api_id": foreign["id"]}, headers=headers)
        problem(refused, 404, "not_found")
        renewed = await boss.post("/store/v1/connections/nowhere/token", headers=headers)
        assert renewed.status_code in (404, 409), renewed.text
        own = {"Authorization": f"Bearer {client['registration_access_token']}"}
        place = f"/oauth2/register/{client['client_id']}"
        body = {**metadata, "client_id": client["client_id"], "client_name": "hammer"}
        assert (await boss.put(place, json=body, headers=own)).status_code == 200
        assert (await boss.delete(place, headers=own)).status_code == 204
        told = {entry["action"] for entry in (await boss.get("/admin/v1/audit")).json()["items"]}
        assert {"application.update", "application.delete"} <= told
    assert (await platform.read("/admin/v1/audit", action="application.delete"))["total"] == 0


@on_sqlite
async def test_an_organisations_administrator_sees_into_no_token_of_another(platform: Platform) -> None:
    await platform.made(ORGANISATIONS, ACME)
    token = await platform.fetch_token(CLIENT_ID, CLIENT_SECRET)
    for organisation, sees in (("default", True), ("acme", False)):
        body = {"name": f"{organisation}-boss", "scopes": ["admin"], "organisation": organisation}
        made = await platform.made("/admin/v1/service-accounts", body)
        auth = httpx.BasicAuth(made["client_id"], made["client_secret"])
        answer = await platform.client.post("/oauth2/introspect", data={"token": token}, auth=auth)
        assert answer.json()["active"] is sees


@on_sqlite
async def test_overrides_of_a_policy_are_the_platforms_to_see(platform: Platform) -> None:
    await platform.made(ORGANISATIONS, ACME)
    async with platform.account("boss", roles=("admin",), organisation="acme") as boss:
        api = (await boss.post("/publisher/v1/apis", json={**ECHO, "context": "/t/acme/echo"})).json()
        limits = [{"unit": "messages", "amount": 5}]
        policy = {"name": "x", "level": "api", "limits": limits, "overrides": [{"api_id": api["id"], "limits": limits}]}
        await platform.made("/admin/v1/policies", policy)
        assert (await boss.get("/admin/v1/policies/x")).json()["overrides"] == []
        assert not any(row["overrides"] for row in (await boss.get("/admin/v1/policies")).json()["items"])
    assert (await platform.read("/admin/v1/policies/x"))["overrides"]


@on_sqlite
async def test_a_webhook_hears_of_its_own_organisation_alone(platform: Platform) -> None:
    await platform.made(ORGANISATIONS, ACME)
    async with platform.account("boss", roles=("admin",), organisation="acme") as boss:
        hook = (await boss.post("/admin/v1/webhooks", json={"url": "https://127.0.0.1:9/"})).json()
        await platform.publish_api()
        await platform.made("/admin/v1/roles", {"name": "theirs"})  # by a session that sees all
        await boss.post("/store/v1/applications", json={"name": "ours"})
        heard = (await boss.get(f"/admin/v1/webhooks/{hook['id']}/deliveries")).json()["items"]
        assert {item["event"] for item in heard} - {"webhook.create"} == {"application.create"}
