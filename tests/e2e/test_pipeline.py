"""A pipeline in an empty folder, with nothing but a client's credentials: from a manifest to an echo."""

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import CLIENT_ID, Installation
from tests.integration.data_plane.conftest import Backend

pytestmark = pytest.mark.timeout(180)

MANIFEST = """
variables:
  BACKEND:
apis:
  - name: Echo
    context: /piped
    version: "1.0"
    endpoints:
      production: {urls: ["${BACKEND}"]}
    policies: [Gold]
    state: published
applications:
  - name: Robot
subscriptions:
  - {application: Robot, api: Echo, policy: Gold}
"""


@dataclass(frozen=True, slots=True)
class Pipeline:
    folder: Path
    env: dict[str, str]

    async def run(self, *args: str, code: int = 0) -> str:
        """Run a command in a process of its own, and return what it prints."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "cli.main",
            *args,
            cwd=self.folder,
            env=self.env,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            out, err = await process.communicate()
        assert process.returncode == code, f"{out.decode()}\n{err.decode()}"
        return out.decode()


@pytest.fixture
def pipeline(installation: Installation, production: Backend, tmp_path: Path) -> Pipeline:
    folder = tmp_path / "empty"
    folder.mkdir()
    env = {
        "HOME": str(folder),
        "PYTHONPATH": ":".join(sys.path),
        "FRAMEGATE_URL": str(installation.rest.base_url).rstrip("/"),
        "FRAMEGATE_CLIENT_ID": CLIENT_ID,
        "FRAMEGATE_CLIENT_SECRET": installation.client_secret,
        "BACKEND": production.url,
    }
    return Pipeline(folder, env)


async def test_publishes_tests_subscribes_and_connects(installation: Installation, pipeline: Pipeline) -> None:
    (pipeline.folder / "framegate.yaml").write_text(MANIFEST)
    of = ("-f", "framegate.yaml")
    await pipeline.run("validate", *of)
    await pipeline.run("diff", *of, code=2)
    await pipeline.run("apply", *of)
    assert await pipeline.run("diff", *of) == "nothing to do\n"

    (tested,) = json.loads(await pipeline.run("api", "test", "Echo", "-o", "json"))
    assert (tested["environment"], tested["ok"]) == ("production", True)
    key = json.loads(await pipeline.run("keys", "create", "Robot", "-o", "json"))
    installation.canaries.add(consumer_secret=key["consumer_secret"])
    token = (await pipeline.run("keys", "token", "Robot")).strip()

    await installation.caught_up()
    url = f"ws://127.0.0.1:{installation.pods[1].port}/piped/1.0"
    assert "hello" in await pipeline.run("connect", url, "--token", token, "--message", "hello")
    await pipeline.run("connect", url, "--token", "wrong", "--message", "hello", code=1)

    async with installation.connect("/piped/1.0", token) as connection:
        (found,) = json.loads(await pipeline.run("connections", "list", "-o", "json"))
        assert (found["application"], found["context"]) == ("Robot", "/piped")
        assert found["id"] in await pipeline.run("api", "connections", "Echo")
        pods = json.loads(await pipeline.run("gateway", "list", "-o", "json"))
        assert [pod["state"] for pod in pods] == ["serving", "serving"]
        await pipeline.run("connections", "close", found["id"])
        async with asyncio.timeout(5):
            await connection.wait_closed()

    (pipeline.folder / "framegate.yaml").write_text("apis: []")
    await pipeline.run("apply", *of, "--prune")
    await installation.caught_up()
    await pipeline.run("connect", url, "--token", token, "--message", "hello", code=1)
