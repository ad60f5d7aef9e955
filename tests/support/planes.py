"""Both planes in this process, and a walk along all that they say to each other in Redis."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from services.control_plane.app import create_app
from services.control_plane.catalogue.pusher import Pusher
from services.control_plane.fleet.tails import TailService
from services.control_plane.kit import migrate
from services.control_plane.settings import Settings
from services.data_plane import app as data_plane
from services.data_plane.app import Pod, Ports, run_pod
from services.data_plane.dpop import UsedProofs
from services.data_plane.settings import Settings as PodSettings
from shared.connections import Selection
from tests.integration.control_plane.platform import CLIENT_ID, CLIENT_SECRET, BentClock, Platform
from tests.integration.data_plane.conftest import echo_backend
from tests.support.waiting import eventually

POLICY = {
    "name": "Everything",
    "level": "subscription",
    "limits": [
        {"unit": "messages", "amount": 100, "window_seconds": 60},
        {"unit": "connections", "amount": 3},
        {"unit": "handshakes", "amount": 50, "window_seconds": 60},
    ],
    "burst": {"amount": 50, "window_seconds": 1},
}


@dataclass
class Planes:
    platform: Platform
    pod: Pod
    port: int
    backend_url: str

    @property
    def pusher(self) -> Pusher:
        return self.platform.get(Pusher)

    async def caught_up(self, within: float = 10) -> None:
        """Wait until the pod has all that is committed by now."""
        assert await asyncio.to_thread(self.pusher.flush, within)
        wanted = self.pusher.status().revision
        await eventually(lambda: self.pod.catalogue.mark and self.pod.catalogue.mark.revision >= wanted, within)

    def connect(self, token: str | None = None, ticket: str = "") -> connect:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        query = f"?ticket={ticket}" if ticket else ""
        uri = f"ws://127.0.0.1:{self.port}/echowebsocket/1.0{query}"
        return connect(uri, additional_headers=headers, proxy=None)


@asynccontextmanager
async def run_planes(folder: Path, control_plane_url: str, pod_url: str) -> AsyncIterator[Planes]:
    """Run a control plane on SQLite, a pod and a backend, each plane with its own URL of Redis."""
    database_url = f"sqlite:///{folder}/framegate.db"
    await asyncio.to_thread(migrate.upgrade, database_url)
    settings = Settings(
        database_url=database_url,
        redis_url=control_plane_url,
        secret_key="a key of the tests, of 32 characters or more",
        admin_password="a password of the tests",
        bootstrap_client_id=CLIENT_ID,
        bootstrap_client_secret=CLIENT_SECRET,
        endpoint_allow="127.0.0.0/8",
    )
    clock = BentClock()
    app = create_app(settings, clock)
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://control-plane")
    pod_settings = PodSettings(redis_url=pod_url, endpoint_allow="127.0.0.0/8", drain_seconds=0.1)
    async with AsyncExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(data_plane, "THROTTLE_SECONDS", 2.0)  # the control plane holds this loop up now and then
        backend = await stack.enter_async_context(echo_backend())
        await stack.enter_async_context(app.router.lifespan_context(app))
        await stack.enter_async_context(client)
        running = await stack.enter_async_context(run_pod(pod_settings, Ports(port=0, tls_port=0, ops_port=0)))
        platform = Platform(app, settings, client, clock)
        await platform.sign_in(CLIENT_ID, CLIENT_SECRET)
        yield Planes(platform, running.pod, running.port, backend.url)


async def walk(planes: Planes) -> None:
    """Publish, connect within limits, use a ticket and a proof once, look at the quota, and revoke."""
    platform, pod = planes.platform, planes.pod
    await platform.made("/admin/v1/policies", POLICY)
    api = await platform.publish_api(endpoints={"production": {"urls": [planes.backend_url]}}, policies=["Everything"])
    application = await platform.make_application()
    await platform.subscribe(application, api, "Everything")
    key = await platform.made(f"/store/v1/applications/{application['id']}/keys", {"key_type": "PRODUCTION"})
    token = key["token"]["access_token"]
    await planes.caught_up()
    pod.hints.note("an issuer")
    await eventually(lambda: "an issuer" in pod.hints._told)
    await _use_limits(planes, token, application)
    await _use_ticket(planes, token, api)
    assert await UsedProofs(pod._counter, "deny").use("proof", 0.0)
    assert not await UsedProofs(pod._counter, "deny").use("proof", 0.0)
    await pod.heartbeat.beat()
    assert pod.leases.live_pods == 1
    await _look_at_the_pod(planes)
    async with planes.connect(token) as client:
        await _look_at_the_connection(planes, token, client)
        await _watch(planes, client)
        form, auth = {"token": token}, (key["consumer_key"], key["consumer_secret"])
        assert (await platform.client.post("/oauth2/revoke", data=form, auth=auth)).status_code == 200
        await asyncio.wait_for(client.wait_closed(), 15)
        assert (client.close_code, client.close_reason) == (4501, "token_revoked")
    assert b"decisions_without_redis_total{" not in pod.telemetry.render()


async def _look_at_the_pod(planes: Planes) -> None:
    (gateway,) = (await planes.platform.read("/admin/v1/gateways"))["items"]
    assert gateway["id"] == planes.pod.name
    await planes.pod.usage.flush()

    async def opened() -> bool:
        used = await planes.platform.read("/admin/v1/usage", step="total")
        return bool(used["items"] and used["items"][0]["opened"])

    await eventually(opened, within=10)


async def _look_at_the_connection(planes: Planes, token: str, client: ClientConnection) -> None:
    async def listed() -> dict[str, Any] | None:
        page = await planes.platform.read("/admin/v1/connections")
        return page if page["total"] or not page["unanswered"] else None

    page = await eventually(listed, within=15)  # a pod that has lost its Redis follows questions again after a while
    assert page is not None
    assert client.response is not None
    assert [item["id"] for item in page["items"]] == [client.response.headers["X-Connection-Id"]]
    path = f"/store/v1/connections/{page['items'][0]['id']}/token"
    renewed = await planes.platform.client.post(path, headers={"Authorization": f"Bearer {token}"})
    assert renewed.status_code == 200, renewed.text


async def _watch(planes: Planes, client: ClientConnection) -> None:
    """See a message of a connection in a tail."""
    lines = await asyncio.to_thread(planes.platform.get(TailService).watch, "me", Selection(), 1, 60, lambda: None)
    assert '"connections":1' in await asyncio.to_thread(next, lines)
    await client.send("seen")
    await client.recv()
    assert '"event":"message"' in await asyncio.to_thread(next, filter(None, lines))
    lines.close()


async def _use_limits(planes: Planes, token: str, application: dict[str, Any]) -> None:
    async with planes.connect(token) as client, planes.connect(token), planes.connect(token):
        for _ in range(20):
            await client.send("x")
            assert await client.recv() == "x"
        assert await _refused(planes, token=token) == 429, "a fourth one is too many"
        quota = await planes.platform.read(f"/store/v1/applications/{application['id']}/quota")
        (messages,) = [item for item in quota["items"] if item["unit"] == "messages"]
        assert messages["used"] >= 20


async def _use_ticket(planes: Planes, token: str, api: dict[str, Any]) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    answer = await planes.platform.client.post("/store/v1/tickets", json={"api_id": api["id"]}, headers=headers)
    assert answer.status_code == 201, answer.text
    ticket = answer.json()["ticket"]
    async with planes.connect(ticket=ticket) as client:
        await client.send("x")
        assert await client.recv() == "x"
    assert await _refused(planes, ticket=ticket) == 401


async def _refused(planes: Planes, **credential: str) -> int:
    """Return the status of a handshake that must be refused."""
    try:
        async with planes.connect(**credential):
            raise AssertionError("it was admitted")
    except InvalidStatus as refused:
        return refused.response.status_code
