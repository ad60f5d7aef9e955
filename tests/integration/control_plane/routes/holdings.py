"""Accounts by role, and of each kind of resource one that belongs to an account."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import httpx
from websockets.asyncio.client import connect

from services.control_plane.identity.models import PersonalToken
from services.control_plane.identity.scopes import BUILTIN_ROLES, PUBLISHER_WRITE, STORE_SUBSCRIBE
from services.control_plane.kit.security import new_id
from services.control_plane.workflow.models import WebhookDelivery
from services.data_plane.app import Running
from tests.integration.control_plane.fleet.conftest import id_of
from tests.integration.control_plane.issuers.test_router import ISSUERS, body_of
from tests.integration.control_plane.platform import CLIENT_ID, CLIENT_SECRET, ECHO, Platform
from tests.integration.data_plane.conftest import Backend
from tests.support.outside import Outside
from tests.support.waiting import eventually

INNER: Final = "inner"
"""The role of those who may see what is restricted."""

PICTURE: Final = b"\x89PNG\r\n\x1a\n and the rest"

AGE_SECONDS: Final = 60
"""How old an installation must be: only then are its signing keys retired."""

CLOSERS: Final = (
    "DELETE /publisher/v1/apis/{api_id}/connections/{connection_id}",
    "DELETE /store/v1/connections/{connection_id}",
    "DELETE /admin/v1/connections/{connection_id}",
)
"""Each has a connection of its own to close."""


@dataclass
class Holding:
    """One resource of each kind. `ids` are by the path's part before them, or by a route that needs one of its own."""

    ids: dict[str, str] = field(default_factory=dict)
    bodies: dict[str, Any] = field(default_factory=dict)
    queries: dict[str, dict[str, str]] = field(default_factory=dict)

    def path(self, route: str) -> str:
        """Return the path of a route to what is held."""
        _, _, template = route.partition(" ")
        parts = template.split("/")
        own = self.ids.get(route)
        for at in range(len(parts) - 1, 0, -1):
            if parts[at].startswith("{"):
                parts[at] = own or self.ids[parts[at - 1]]
                own = None
        return "/".join(parts)


@dataclass
class Cast:
    """Makes accounts and what they hold, on a platform with a pod, a backend and an outside issuer."""

    platform: Platform
    pod: Running
    backend: Backend
    outside: Outside
    connections: AsyncExitStack
    retired: list[str] = field(default_factory=list)

    async def prepare(self) -> None:
        """Make what all share. Keys are retired first: their deletion must end no token that is needed."""
        self.platform.clock.move(seconds=AGE_SECONDS)
        await self.platform.made("/admin/v1/signing-keys/rotate", {}, 200)
        await self.platform.sign_in(CLIENT_ID, CLIENT_SECRET)
        keys = (await self.platform.read("/admin/v1/signing-keys"))["items"]
        self.retired += [key["kid"] for key in keys if key["state"] == "retired"]
        await self.platform.made(ISSUERS, body_of(self.outside))
        await self.platform.made("/admin/v1/roles", {"name": INNER, "scopes": []})

    async def hold(self, name: str, role: str | None, *, restricted: bool) -> tuple[httpx.AsyncClient, Holding]:
        """Return an account of a role, and what it holds: the rest of a kind that it can't make is a helper's."""
        scopes = BUILTIN_ROLES[role] if role else ()
        helper = await self._account(f"{name}-helper", "admin", INNER)
        caller = await self._account(name, *((role,) if role else ()), *((INNER,) if restricted else ()))
        publisher = caller if PUBLISHER_WRITE in scopes else helper
        subscriber = caller if STORE_SUBSCRIBE in scopes else helper
        holding = Holding()
        await self._hold_api(holding, publisher, name, restricted=restricted)
        await self._hold_application(holding, subscriber, name)
        await self._hold_connections(holding, subscriber)
        await self._hold_administered(holding, name)
        await self._hold_asked(holding, subscriber)
        await self._hold_webhook(holding)
        await self._hold_token(holding, caller)
        return caller, holding

    async def stranger(self, organisation: str) -> httpx.AsyncClient:
        """Return an administrator of another organisation, who may do all that there is to do in it."""
        await self.platform.made("/admin/v1/organisations", {"name": organisation})
        account = self.platform.account(f"{organisation}-admin", roles=("admin", INNER), organisation=organisation)
        return await self.connections.enter_async_context(account)

    async def _account(self, name: str, *roles: str) -> httpx.AsyncClient:
        return await self.connections.enter_async_context(self.platform.account(name, roles=roles))

    async def _hold_api(self, holding: Holding, client: httpx.AsyncClient, name: str, *, restricted: bool) -> None:
        body = {**ECHO, "name": name, "context": f"/{name}", "endpoints": {"production": {"urls": [self.backend.url]}}}
        if restricted:
            body |= {"visibility": "restricted", "roles": [INNER]}
        api = await made(client, "/publisher/v1/apis", body)
        spare = await made(client, f"/publisher/v1/apis/{api['id']}/versions", {"version": "0.9"})
        await self.platform.act(api, "publish")
        holding.ids |= {"apis": api["id"], "snippets": "python", "DELETE /publisher/v1/apis/{api_id}": spare["id"]}
        document = (await client.get(f"/publisher/v1/apis/{api['id']}/asyncapi")).json()
        holding.bodies |= {
            "PUT /publisher/v1/apis/{api_id}": body,
            "PUT /publisher/v1/apis/{api_id}/asyncapi": document,
        }
        holding.queries |= {
            "GET /publisher/v1/apis/{api_id}/asyncapi/diff": {"against": spare["id"]},
            "DELETE /publisher/v1/apis/{api_id}/connections": {"all": "true"},
            "GET /publisher/v1/apis/{api_id}/tail": {"seconds": "1"},
            "GET /store/v1/applications/{application_id}/tail": {"seconds": "1"},
        }
        await self._hold_files(holding, client)
        await self._hold_successor(holding, client)

    async def _hold_files(self, holding: Holding, client: httpx.AsyncClient) -> None:
        path = f"/publisher/v1/apis/{holding.ids['apis']}"
        document = await made(client, f"{path}/documents", {"name": "one", "source": "file"})
        spare = await made(client, f"{path}/documents", {"name": "spare"})
        for place in (f"{path}/thumbnail", f"{path}/documents/{document['id']}/file?name=one.png"):
            assert (await client.put(place, content=PICTURE)).status_code == 200
        one = "/publisher/v1/apis/{api_id}/documents/{document_id}"
        holding.ids |= {"documents": document["id"], f"DELETE {one}": spare["id"]}
        holding.bodies |= {f"PUT {one}/file": PICTURE, "PUT /publisher/v1/apis/{api_id}/thumbnail": PICTURE}
        holding.queries[f"PUT {one}/file"] = {"name": "two.png"}

    async def _hold_successor(self, holding: Holding, client: httpx.AsyncClient) -> None:
        """Have a version that subscriptions can be moved to."""
        path = f"/publisher/v1/apis/{holding.ids['apis']}"
        successor = await made(client, f"{path}/versions", {"version": "1.1"})
        await self.platform.act(successor, "publish")
        holding.bodies["POST /publisher/v1/apis/{api_id}/subscriptions/move"] = {"to": successor["id"]}

    async def _hold_application(self, holding: Holding, client: httpx.AsyncClient, name: str) -> None:
        application = await made(client, "/store/v1/applications", {"name": name})
        path = f"/store/v1/applications/{application['id']}"
        subscribed = {"application_id": application["id"], "api_id": holding.ids["apis"], "policy": "Gold"}
        subscription = await made(client, "/store/v1/subscriptions", subscribed)
        await made(client, f"{path}/keys", {"key_type": "PRODUCTION"})
        api_key = await made(client, f"{path}/api-keys", {"name": "one", "key_type": "PRODUCTION"})
        external = {"key_type": "PRODUCTION", "issuer": "partner", "token": self.outside.token(name)}
        external_key = await made(client, f"{path}/external-keys", external)
        other = {**external, "token": self.outside.token(f"{name}-3")}
        mapped = await made(client, f"{path}/external-keys", other)
        metadata = {"client_name": f"{name}-registered", "grant_types": ["client_credentials"]}
        registered = await made(client, "/oauth2/register", metadata)
        holding.ids |= {
            "applications": application["id"],
            "subscriptions": subscription["id"],
            "keys": "PRODUCTION",
            "api-keys": api_key["id"],
            "external-keys": external_key["id"],
            "DELETE /admin/v1/external-keys/{key_id}": mapped["id"],
            "register": registered["client_id"],
        }
        holding.bodies["POST /store/v1/applications/{application_id}/external-keys"] = {
            **external,
            "token": self.outside.token(f"{name}-2"),
        }

    async def _hold_connections(self, holding: Holding, client: httpx.AsyncClient) -> None:
        path = f"/store/v1/applications/{holding.ids['applications']}/keys/PRODUCTION/token"
        token = (await made(client, path, {}, 200))["access_token"]

        async def is_current() -> bool:
            pods = (await self.platform.read("/admin/v1/gateways"))["items"]
            return [pod["current"] for pod in pods] == [True]

        await eventually(is_current, within=10)
        context = holding.bodies["PUT /publisher/v1/apis/{api_id}"]["context"]
        for kept_for in ("connections", *CLOSERS):
            dialled = connect(
                f"ws://127.0.0.1:{self.pod.port}{context}/1.0",
                additional_headers={"Authorization": f"Bearer {token}"},
                proxy=None,
            )
            holding.ids[kept_for] = id_of(await self.connections.enter_async_context(dialled))

    async def _hold_administered(self, holding: Holding, name: str) -> None:
        """Have what belongs to the installation: administrators share it."""
        platform = self.platform
        policy = {"name": name, "level": "subscription", "limits": [{"unit": "messages", "amount": 1}]}
        issuer = body_of(self.outside, name=name, issuer=f"{self.outside.issuer}/{name}")
        issuer["jwks_uri"] = f"http://127.0.0.1:{self.outside.server_port}/keys"
        await platform.made("/admin/v1/policies", policy)
        await platform.made("/admin/v1/roles", {"name": name, "scopes": []})
        await platform.made("/admin/v1/categories", {"name": name})
        await platform.made(ISSUERS, issuer)
        environment = {"name": name, "gateway_url": "ws://127.0.0.1:9"}
        await platform.made("/admin/v1/environments", environment)
        await platform.made("/admin/v1/organisations", {"name": name})
        blocked = {"kind": "user", "value": f"{name}-blocked"}
        holding.ids |= {
            "policies": name,
            "roles": name,
            "categories": name,
            "issuers": name,
            "environments": name,
            "organisations": name,
            "signing-keys": self.retired.pop(),
            "users": (await platform.made("/admin/v1/users", {"name": f"{name}-user"}))["id"],
            "service-accounts": (await platform.made("/admin/v1/service-accounts", {"name": f"{name}-service"}))["id"],
            "blocklist": (await platform.made("/admin/v1/blocklist", blocked))["id"],
        }
        holding.bodies |= {
            "PUT /admin/v1/policies/{name}": policy,
            "PUT /admin/v1/environments/{name}": environment,
            "PUT /admin/v1/issuers/{name}": {key: value for key, value in issuer.items() if key != "name"},
        }

    async def _hold_asked(self, holding: Holding, subscriber: httpx.AsyncClient) -> None:
        """Have something said of an API, and asked of administrators: two applications, and a step of an API's life."""
        api, asked = holding.ids["apis"], []
        own, removed = [await made(subscriber, f"/store/v1/apis/{api}/comments", {"text": "Fast"}) for _ in range(2)]
        await self._choose(approve_applications=True, approve_publications=True)
        for _ in range(2):
            await made(subscriber, "/store/v1/applications", {"name": new_id()})
            asked.append((await subscriber.get("/account/v1/approvals")).json()["items"][0]["id"])
        await self.platform.made(f"/publisher/v1/apis/{api}/lifecycle", {"action": "prototype"}, 200)
        await self._choose(approve_applications=False, approve_publications=False)
        holding.ids |= {
            "approvals": asked[0],
            "POST /admin/v1/approvals/{approval_id}/reject": asked[1],
            "comments": own["id"],
            "DELETE /publisher/v1/apis/{api_id}/comments/{comment_id}": removed["id"],
        }

    async def _choose(self, **choices: bool) -> None:
        assert (await self.platform.client.patch("/admin/v1/settings", json=choices)).status_code == 200

    async def _hold_webhook(self, holding: Holding) -> None:
        hook = await self.platform.made("/admin/v1/webhooks", {"url": "https://127.0.0.1/", "active": False})
        newest = (await self.platform.read("/admin/v1/audit", limit=1))["items"][0]["id"]
        delivery = WebhookDelivery(
            id=new_id(),
            webhook_id=hook["id"],
            audit_id=newest,
            event="webhook.create",
            state="DEAD",
            queued_at=self.platform.clock(),
            attempted_at=self.platform.clock(),
        )
        holding.ids |= {"webhooks": hook["id"], "deliveries": delivery.id}
        with self.platform.database.writing() as session:
            session.add(delivery)

    async def _hold_token(self, holding: Holding, client: httpx.AsyncClient) -> None:
        """Write down a personal token: over REST only people make them, who signed in with a browser."""
        me = (await client.get("/account/v1/me")).json()["id"]
        now = self.platform.clock()
        token = PersonalToken(
            id=f"token-of-{me}",
            account_id=me,
            name="one",
            token_hash=f"none of {me}",
            ends_with="none",
            scopes=[],
            created_at=now,
            expires_at=now + timedelta(hours=1),
        )
        with self.platform.database.writing() as session:
            session.add(token)
        holding.ids["tokens"] = f"token-of-{me}"


@asynccontextmanager
async def casting(platform: Platform, pod: Running, backend: Backend, outside: Outside) -> AsyncIterator[Cast]:
    async with AsyncExitStack() as connections:
        cast = Cast(platform, pod, backend, outside, connections)
        await cast.prepare()
        yield cast


async def made(client: httpx.AsyncClient, path: str, body: Mapping[str, Any], status: int = 201) -> dict[str, Any]:
    """POST for somebody, and return what was made."""
    response = await client.post(path, json=body)
    assert response.status_code == status, (path, response.text)
    answer: dict[str, Any] = response.json()
    return answer
