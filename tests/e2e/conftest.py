"""A whole installation as processes: control plane, two pods, a production and a sandbox backend."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, create_engine, text
from websockets.asyncio.client import connect

from cli.stack import Stack
from tests.integration.data_plane.conftest import Backend, echo_backend
from tests.support.canaries import Canaries, check_nothing_leaked, dump_database, dump_redis
from tests.support.waiting import eventually, free_port

LOUD = Path(__file__).parents[1] / "support" / "loud"
CLIENT_ID = "pipeline"
SCOPES = "publisher:read publisher:write publisher:publish store:subscribe admin"


@dataclass(frozen=True, slots=True)
class Pod:
    port: int
    ops_port: int


@dataclass
class Installation:
    """What a pipeline knows of an installation, and the REST calls that the tutorial makes."""

    rest: httpx.AsyncClient
    pods: tuple[Pod, Pod]
    issuer: str
    client_secret: str
    admin_password: str
    database: Engine
    canaries: Canaries
    """What must not be found in database, Redis and logs at the end."""

    async def sign_in(self) -> None:
        token = await self.token(CLIENT_ID, self.client_secret, scope=SCOPES)
        self.rest.headers["Authorization"] = f"Bearer {token}"

    async def token(self, client_id: str, client_secret: str, **form: str) -> str:
        answer = await self.rest.post(
            "/oauth2/token", data={"grant_type": "client_credentials", **form}, auth=(client_id, client_secret)
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    async def call(self, method: str, path: str, body: object = None, *, status: int = 200) -> Any:
        answer = await self.rest.request(method, path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def post(self, path: str, body: object, *, status: int = 201) -> Any:
        return await self.call("POST", path, body, status=status)

    async def application(self) -> str:
        listed = await self.call("GET", "/store/v1/applications")
        return next(str(item["id"]) for item in listed["items"] if item["name"] == "DefaultApplication")

    async def move(self, api_id: str, action: str) -> None:
        """Move an API on in its lifecycle."""
        await self.post(f"/publisher/v1/apis/{api_id}/lifecycle", {"action": action}, status=200)

    async def caught_up(self) -> None:
        """Wait until both pods serve the revision that the database holds."""
        with self.database.connect() as connection:
            revision = connection.execute(text("SELECT revision FROM catalogue_state")).scalar_one()

        async def serve_it() -> bool:
            async with httpx.AsyncClient(trust_env=False) as ops:
                answers = [await ops.get(f"http://127.0.0.1:{pod.ops_port}/config") for pod in self.pods]
            return all(answer.json()["revision"] >= revision for answer in answers)

        await eventually(serve_it)

    def connect(self, path: str, token: str | None, pod: int = 0, **options: Any) -> connect:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        uri = f"ws://127.0.0.1:{self.pods[pod].port}{path}"
        return connect(uri, additional_headers=headers, proxy=None, **options)


@pytest.fixture
async def production() -> AsyncIterator[Backend]:
    async with echo_backend("production") as backend:
        yield backend


@pytest.fixture
async def sandbox() -> AsyncIterator[Backend]:
    async with echo_backend("sandbox") as backend:
        yield backend


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with Stack(tmp_path) as running:
        yield running


@pytest.fixture
async def installation(stack: Stack, database_url: str, redis_url: str) -> AsyncIterator[Installation]:
    secret, admin_password = secrets.token_urlsafe(32), secrets.token_urlsafe(16)
    control_plane = free_port()
    issuer = f"http://localhost:{control_plane}"
    pods = (Pod(free_port(), free_port()), Pod(free_port(), free_port()))
    environment = {
        **os.environ,  # noqa: TID251 - handed on to the processes
        "FRAMEGATE_DATABASE_URL": database_url,
        "FRAMEGATE_REDIS_URL": redis_url,
        "FRAMEGATE_SECRET_KEY": secrets.token_urlsafe(32),
        "FRAMEGATE_ADMIN_PASSWORD": admin_password,
        "FRAMEGATE_BOOTSTRAP_CLIENT_ID": CLIENT_ID,
        "FRAMEGATE_BOOTSTRAP_CLIENT_SECRET": secret,
        "FRAMEGATE_PUBLIC_URL": issuer,
        "FRAMEGATE_GATEWAY_URL": f"ws://localhost:{pods[0].port}",
        "FRAMEGATE_ENDPOINT_ALLOW": "127.0.0.0/8",
        "FRAMEGATE_DRAIN_SECONDS": "0.5",
        "PYTHONPATH": os.pathsep.join([str(LOUD), os.environ.get("PYTHONPATH", "")]),  # noqa: TID251 - handed on
    }
    canaries = Canaries()
    canaries.add(admin_password=admin_password, client_secret=secret, key=environment["FRAMEGATE_SECRET_KEY"])
    stack.start("control plane", "cli.main", "control-plane", "--port", str(control_plane), env=environment)
    for number, pod in enumerate(pods):
        ports = ["--port", str(pod.port), "--ops-port", str(pod.ops_port)]
        stack.start(f"pod {number}", "cli.main", "data-plane", "--host", "127.0.0.1", *ports, env=environment)
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{control_plane}", trust_env=False, event_hooks=canaries.hooks
    ) as rest:
        for port in (control_plane, *(pod.ops_port for pod in pods)):
            await asyncio.to_thread(stack.wait_for, f"port {port}", lambda port=port: _is_ready(port))
        database = create_engine(database_url)
        running = Installation(rest, pods, issuer, secret, admin_password, database, canaries)
        await running.sign_in()
        yield running
        logs = {child.name: child.log.read_text(errors="replace") for child in stack.children}
        assert all(" DEBUG" in log or "DEBUG:" in log for log in logs.values())
        kept = {"database": dump_database(database), "Redis": dump_redis(redis_url)}
        database.dispose()
        check_nothing_leaked(canaries, {**kept, **logs})


def _is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2, trust_env=False).is_success
    except httpx.HTTPError:
        return False
