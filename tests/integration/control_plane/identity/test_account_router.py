"""One's own account: personal tokens, and tokens that a person lets the command have."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from sqlmodel import select

from services.control_plane.identity.models import PersonalToken
from services.control_plane.identity.personal_tokens import MAX_TOKENS, PREFIX
from services.control_plane.identity.scopes import BUILTIN_ROLES
from services.control_plane.identity.service import CLI_CLIENT_ID
from services.control_plane.kit.audit import AuditEntry
from services.control_plane.kit.security import is_well_formed
from tests.integration.control_plane.oauth.browser import TOKEN, CodeClient, post
from tests.integration.control_plane.platform import ECHO, Platform, fields, on_sqlite, problem

USERS: Final = "/admin/v1/users"
TOKENS: Final = "/account/v1/tokens"
PASSWORDS: Final = "/account/v1/password"
NEW: Final = "quite another password"
ME: Final = "/account/v1/me"
PASSWORD: Final = "a password that will do"
CALLBACK: Final = "http://127.0.0.1:23456/callback"


@dataclass
class Person:
    """A user with a token of the command."""

    id: str
    client: httpx.AsyncClient
    tokens: dict[str, Any]


async def allow(platform: Platform, name: str, password: str, **changes: str | None) -> httpx.Response:
    """Sign in with the command's client, and return what the token endpoint answers."""
    command = CodeClient(platform, CLI_CLIENT_ID, "", "")
    page = await command.page(redirect_uri=CALLBACK, **changes)
    decided = await command.decide(page, username=name, password=password)
    platform.client.cookies.clear()
    assert decided.status_code == 303, decided.text
    assert decided.headers["location"].startswith(CALLBACK)
    code = dict(parse_qsl(urlsplit(decided.headers["location"]).query))["code"]
    return await command.ask(
        grant_type="authorization_code",
        code=code,
        redirect_uri=CALLBACK,
        code_verifier=command.verifier,
    )


@asynccontextmanager
async def person(platform: Platform, *roles: str) -> AsyncIterator[Person]:
    user = await platform.made(USERS, {"name": "maria", "password": PASSWORD, "roles": list(roles)})
    answer = await allow(platform, "maria", PASSWORD)
    assert answer.status_code == 200, answer.text
    async with speak(platform, answer.json()["access_token"]) as client:
        yield Person(user["id"], client, answer.json())


def speak(platform: Platform, token: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(platform.app, raise_app_exceptions=False),
        base_url="http://control-plane",
        headers={"Authorization": f"Bearer {token}"},
    )


async def refresh(platform: Platform, someone: Person) -> str | None:
    """Return with which error a refresh fails."""
    form = {"grant_type": "refresh_token", "client_id": CLI_CLIENT_ID}
    answer = await post(platform, TOKEN, refresh_token=someone.tokens["refresh_token"], **form)
    error: str | None = answer.json().get("error")
    return error


async def test_a_person_s_token_has_what_the_roles_give_and_no_more(platform: Platform) -> None:
    async with person(platform, "creator") as maria:
        assert maria.tokens["scope"].split() == ["publisher:read", "publisher:write"]
        me = (await maria.client.get(ME)).json()
        assert me == {
            "id": maria.id,
            "name": "maria",
            "organisation": "default",
            "kind": "person",
            "roles": ["creator"],
            "scopes": ["publisher:read", "publisher:write"],
        }
        problem(await maria.client.get(USERS), 403, "insufficient_scope")
        api = (await maria.client.post("/publisher/v1/apis", json=ECHO)).json()
        assert api["owner"] == maria.id


@on_sqlite
async def test_who_has_no_scope_gets_no_token(platform: Platform) -> None:
    await platform.made(USERS, {"name": "maria", "password": PASSWORD, "roles": []})
    assert (await allow(platform, "maria", PASSWORD)).json()["error"] == "invalid_scope"


async def test_what_a_user_loses_is_lost_at_once(platform: Platform) -> None:
    async with person(platform, "creator", "subscriber") as maria:
        path = f"{USERS}/{maria.id}"
        made = (await maria.client.post(TOKENS, json={"name": "ci", "scopes": ["store:subscribe"]})).json()
        async with speak(platform, made["token"]) as script:
            assert (await script.get("/store/v1/applications")).status_code == 200
            await platform.client.patch(path, json={"roles": ["creator"]})
            for client in (maria.client, script):
                problem(await client.get("/store/v1/applications"), 403, "insufficient_scope")
            await platform.client.patch(path, json={"disabled": True})
            for client in (maria.client, script):
                problem(await client.get(ME), 401, "unauthorized")
            await platform.client.patch(path, json={"disabled": False})
            problem(await maria.client.get(ME), 401, "unauthorized")
            assert (await script.get(ME)).status_code == 200
            assert (await platform.client.delete(path)).status_code == 204
            problem(await script.get(ME), 401, "unauthorized")


async def test_a_refreshed_token_has_what_the_roles_give_by_then(platform: Platform) -> None:
    async with person(platform, "creator", "subscriber") as maria:
        await platform.client.patch(f"{USERS}/{maria.id}", json={"roles": ["subscriber", "publisher"]})
        form = {"grant_type": "refresh_token", "client_id": CLI_CLIENT_ID}
        refreshed = (await post(platform, TOKEN, refresh_token=maria.tokens["refresh_token"], **form)).json()
        assert set(refreshed["scope"].split()) == set(BUILTIN_ROLES["publisher"]) | {"store:subscribe"}
        await platform.client.patch(f"{USERS}/{maria.id}", json={"disabled": True})
        again = await post(platform, TOKEN, refresh_token=refreshed["refresh_token"], **form)
        assert again.json()["error"] == "invalid_grant"


async def test_a_new_password_ends_what_clients_were_allowed_and_no_personal_token(platform: Platform) -> None:
    async with person(platform, "creator") as maria:
        made = (await maria.client.post(TOKENS, json={"name": "ci", "scopes": ["publisher:read"]})).json()
        changed = await maria.client.post(PASSWORDS, json={"current": PASSWORD, "new": NEW})
        assert changed.status_code == 204
        problem(await maria.client.get(ME), 401, "unauthorized")
        assert await refresh(platform, maria) == "invalid_grant"
        async with speak(platform, made["token"]) as script:
            assert (await script.get(ME)).status_code == 200
        assert (await allow(platform, "maria", NEW)).status_code == 200


async def test_a_reset_ends_personal_tokens_too(platform: Platform) -> None:
    async with person(platform, "creator") as maria:
        made = (await maria.client.post(TOKENS, json={"name": "ci", "scopes": ["publisher:read"]})).json()
        await platform.made(f"{USERS}/{maria.id}/reset-password", {}, 200)
        problem(await maria.client.get(ME), 401, "unauthorized")
        assert await refresh(platform, maria) == "invalid_grant"
        async with speak(platform, made["token"]) as script:
            problem(await script.get(ME), 401, "unauthorized")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"current": "wrong", "new": NEW}, "current"),
        ({"current": PASSWORD, "new": "short"}, "new"),
        ({"current": PASSWORD, "new": PASSWORD}, "new"),
        ({"new": NEW}, "current"),
        ({"current": PASSWORD}, "new"),
    ],
)
@on_sqlite
async def test_a_password_that_is_not_changed(platform: Platform, body: dict[str, str], field: str) -> None:
    async with person(platform, "creator") as maria:
        assert list(fields(await maria.client.post(PASSWORDS, json=body))) == [field]
        assert (await maria.client.get(ME)).status_code == 200


@on_sqlite
async def test_who_guesses_the_password_waits_and_is_written_down(platform: Platform) -> None:
    async with person(platform, "creator") as maria:
        for _ in range(5):
            await maria.client.post(PASSWORDS, json={"current": "wrong", "new": NEW})
        body = {"current": PASSWORD, "new": NEW}
        refused = await maria.client.post(PASSWORDS, json=body)
        problem(refused, 429, "too_many_requests")
        assert int(refused.headers["retry-after"]) > 0
        with platform.database.reading() as session:
            failed = select(AuditEntry).where(AuditEntry.action == "sign_in.fail", AuditEntry.actor == maria.id)
            assert len(session.exec(failed).all()) == 5
        platform.clock.move(minutes=2)
        assert (await maria.client.post(PASSWORDS, json=body)).status_code == 204


@on_sqlite
async def test_only_a_person_who_signed_in_changes_the_password(platform: Platform) -> None:
    body = {"current": PASSWORD, "new": NEW}
    problem(await platform.client.post(PASSWORDS, json=body), 403, "forbidden")
    async with person(platform, "creator") as maria:
        made = (await maria.client.post(TOKENS, json={"name": "ci", "scopes": ["publisher:read"]})).json()
        async with speak(platform, made["token"]) as script:
            problem(await script.post(PASSWORDS, json=body), 403, "forbidden")


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:99999999/callback",
        "http://127.0.0.1:80/other",
        "http://127.0.0.1.evil.example.com:80/callback",
        "http://localhost:80/callback",
        "https://127.0.0.1:80/callback",
    ],
)
@on_sqlite
async def test_the_command_is_sent_to_this_machine_alone(platform: Platform, uri: str) -> None:
    command = CodeClient(platform, CLI_CLIENT_ID, "", "")
    assert (await command.page(redirect_uri=uri)).status_code == 400


@on_sqlite
async def test_a_client_without_a_secret_may_do_nothing_by_itself(platform: Platform) -> None:
    form = {"client_id": CLI_CLIENT_ID}
    assert (await post(platform, TOKEN, grant_type="client_credentials", **form)).json()[
        "error"
    ] == "unauthorized_client"
    own = platform.client.headers["Authorization"].partition(" ")[2]
    assert (await post(platform, "/oauth2/introspect", token=own, **form)).json() == {"active": False}
    await post(platform, "/oauth2/revoke", token=own, **form)
    assert (await platform.client.get(USERS)).status_code == 200
    wrong = await post(platform, TOKEN, grant_type="client_credentials", client_secret="x", **form)
    assert wrong.status_code == 401


async def test_a_personal_token_is_shown_once(platform: Platform) -> None:
    async with person(platform, "creator") as maria:
        made = await maria.client.post(TOKENS, json={"name": "ci", "scopes": ["publisher:read"]})
        assert made.headers["cache-control"] == "no-store"
        token = made.json()
        text = token.pop("token")
        assert is_well_formed(text, PREFIX)
        assert token["ends_with"] == text[-4:]
        assert (await maria.client.get(TOKENS)).json()["items"] == [token]
        with platform.database.reading() as session:
            assert text not in session.exec(select(PersonalToken.token_hash)).all()
        async with speak(platform, text) as script:
            assert (await script.get(ME)).json()["scopes"] == ["publisher:read"]
            assert (await script.get("/publisher/v1/apis")).status_code == 200
            problem(await script.post("/publisher/v1/apis", json={}), 403, "insufficient_scope")
            more = await script.post(TOKENS, json={"name": "more", "scopes": ["publisher:read"]})
            problem(more, 403, "forbidden")
            assert (await maria.client.delete(made.headers["location"])).status_code == 204
            problem(await script.get(ME), 401, "unauthorized")


async def test_a_personal_token_expires(platform: Platform) -> None:
    async with person(platform, "creator") as maria:
        body = {"name": "ci", "scopes": ["publisher:read"], "validity_seconds": 60}
        made = (await maria.client.post(TOKENS, json=body)).json()
        async with speak(platform, made["token"]) as script:
            platform.clock.move(seconds=61)
            problem(await script.get(ME), 401, "unauthorized")


@on_sqlite
async def test_a_personal_token_is_for_its_owner_alone(platform: Platform) -> None:
    async with person(platform, "creator") as maria:
        made = (await maria.client.post(TOKENS, json={"name": "ci", "scopes": ["publisher:read"]})).json()
        problem(await platform.client.delete(f"{TOKENS}/{made['id']}"), 404, "not_found")
        assert (await platform.read(TOKENS))["items"] == []
        refused = await platform.client.post(TOKENS, json={"name": "x", "scopes": ["admin"]})
        problem(refused, 403, "forbidden")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x", "scopes": ["publisher:read", "admin"]}, "scopes.1"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": ["publisher:read"], "validity_seconds": 1}, "validity_seconds"),
        ({"scopes": ["publisher:read"]}, "name"),
    ],
)
@on_sqlite
async def test_a_personal_token_that_is_wrong(platform: Platform, body: dict[str, Any], field: str) -> None:
    async with person(platform, "creator") as maria:
        assert list(fields(await maria.client.post(TOKENS, json=body))) == [field]


@on_sqlite
async def test_personal_tokens_are_limited_in_number(platform: Platform) -> None:
    async with person(platform, "creator") as maria:
        body = {"name": "ci", "scopes": ["publisher:read"]}
        for _ in range(MAX_TOKENS):
            assert (await maria.client.post(TOKENS, json=body)).status_code == 201
        problem(await maria.client.post(TOKENS, json=body), 409, "conflict")


@pytest.mark.parametrize("token", ["", "fgp_", "fgp_x", "fgp_" + "a" * 51])
@on_sqlite
async def test_a_text_that_is_no_token(platform: Platform, token: str) -> None:
    async with speak(platform, token) as client:
        problem(await client.get(ME), 401, "unauthorized")
