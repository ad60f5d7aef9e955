"""A pod beside the control plane, on the same Redis, and an application that may connect."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from services.data_plane.app import Ports, Running, run_pod
from services.data_plane.settings import Settings
from tests.integration.control_plane.platform import Platform
from tests.integration.data_plane.conftest import Backend, echo_backend
from tests.support.waiting import eventually


@dataclass
class Fleet:
    """One pod, and what the tests need to connect to it."""

    platform: Platform
    pod: Running
    backend: Backend
    api: dict[str, Any] = field(default_factory=dict)
    application: dict[str, Any] = field(default_factory=dict)
    key: dict[str, Any] = field(default_factory=dict)

    async def prepare(self) -> None:
        """Publish an API, and subscribe to it."""
        endpoints = {"production": {"urls": [self.backend.url]}}
        self.api = await self.platform.publish_api(endpoints=endpoints)
        self.application = await self.platform.make_application("Mine")
        await self.platform.subscribe(self.application, self.api)
        path = f"/store/v1/applications/{self.application['id']}/keys"
        self.key = await self.platform.made(path, {"key_type": "PRODUCTION"})
        await self.caught_up()

    async def caught_up(self) -> None:
        """Wait until the pod serves what the control plane has, and says so."""

        async def is_current() -> bool:
            listed = await self.platform.read("/admin/v1/gateways")
            return [pod["current"] for pod in listed["items"]] == [True]

        await eventually(is_current, within=10)

    async def token(self, seconds: int = 3600) -> str:
        path = f"/store/v1/applications/{self.application['id']}/keys/PRODUCTION/token"
        made = await self.platform.made(path, {"validity_seconds": seconds}, 200)
        return str(made["access_token"])

    def connect(self, token: str) -> connect:
        uri = f"ws://127.0.0.1:{self.pod.port}/echowebsocket/1.0"
        return connect(uri, additional_headers={"Authorization": f"Bearer {token}"}, proxy=None)


def id_of(client: ClientConnection) -> str:
    assert client.response is not None
    return client.response.headers["X-Connection-Id"]


@pytest.fixture
async def fleet(platform: Platform) -> AsyncIterator[Fleet]:
    settings = Settings(redis_url=platform.settings.redis_url, demo=True, drain_seconds=0.1)
    async with echo_backend() as backend, run_pod(settings, Ports(port=0, tls_port=0, ops_port=0)) as pod:
        running = Fleet(platform, pod, backend)
        await running.prepare()
        yield running
