"""Snippets of the store, run as their readers run them."""

import asyncio
import os
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aiohttp import web
from playwright.async_api import ConsoleMessage, async_playwright

from services.control_plane.store.snippets.languages import LANGUAGES
from tests.support.browser import FLAGS, find_chromium
from tests.support.node import find_node
from tests.support.npm import install_npm_packages

_GOCODE: Final = Path("/usr/share/gocode")  # apt install golang-go golang-github-gorilla-websocket-dev
_GORILLA: Final = "src/github.com/gorilla/websocket"

_PAGE: Final = """<!doctype html><script>
const talk = (socket) => { socket.onmessage = (event) => console.log(event.data); socket.send("hello"); };
const start = (token) => import("/client.mjs")
  .then((client) => client.stayConnected(talk, async () => token))
  .catch((error) => console.log("ended:", error.message));
</script>"""


@dataclass
class Client:
    """A running snippet: what it said so far, and whether it came to an end."""

    lines: list[str] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def count(self, pattern: str) -> int:
        """Return how many lines hold this."""
        return sum(bool(re.search(pattern, line)) for line in self.lines)


def _python(folder: Path) -> list[str]:
    return [sys.executable, str(folder / "client")]


def _node(folder: Path) -> list[str]:
    (folder / "node_modules").symlink_to(install_npm_packages())
    return [find_node(), str((folder / "client").rename(folder / "client.mjs"))]


def _java(folder: Path) -> list[str]:
    return ["java", str((folder / "client").rename(folder / "Client.java"))]


def _go(folder: Path) -> list[str]:
    (folder / "client").rename(folder / "main.go")
    return ["bash", "-c", f"export GO111MODULE=off GOPATH={_GOCODE} GOFLAGS=-buildvcs=false; go vet . && go run ."]


def _wscat(folder: Path) -> list[str]:
    # It sends what is typed, and ends with its input: so that stays open.
    return ["bash", "-c", f"(sleep 1; while echo hello; do sleep 1; done) | bash {folder / 'client'}"]


def _curl(folder: Path) -> list[str]:
    return ["bash", str(folder / "client")]


_COMMANDS: Final[dict[str, Callable[[Path], list[str]]]] = {
    "python": _python,
    "node": _node,
    "wscat": _wscat,
    "curl": _curl,
    "java": _java,
    "go": _go,
}

_HERE: Final = {"java": shutil.which("javac"), "go": shutil.which("go") and (_GOCODE / _GORILLA).exists()}

_MISSING: Final = [tool for tool, found in _HERE.items() if not found]

RUN: Final = [language for language in LANGUAGES if language not in (*_MISSING, "curl")]
"""Those that can be run here, and hold a connection."""

NAME: Final = " ".join(RUN) + "".join(f" (no {tool} here)" for tool in _MISSING)
"""Says in the name of a test what it ran, and what it could not."""


def _prepare(language: str, text: str, folder: Path) -> list[str]:
    folder.mkdir(parents=True)
    (folder / "client").write_text(text)
    return _COMMANDS[language](folder)


@asynccontextmanager
async def run_snippet(language: str, text: str, folder: Path, **variables: str) -> AsyncIterator[Client]:
    """Run a snippet in an empty folder. It is ended if it doesn't end itself."""
    command = _prepare(language, text, folder)
    path = os.pathsep.join([str(install_npm_packages() / ".bin"), os.environ["PATH"]])  # noqa: TID251 - handed on
    env = {**os.environ, "PATH": path, "no_proxy": "*", **variables}  # noqa: TID251 - handed on
    pipe, out = asyncio.subprocess.PIPE, asyncio.subprocess.STDOUT
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env=env, stdin=pipe, stdout=pipe, stderr=out, start_new_session=True
    )
    client = Client()
    async with asyncio.TaskGroup() as group:
        group.create_task(_listen(process, client))
        try:
            yield client
        finally:
            with suppress(ProcessLookupError):  # it has ended
                os.killpg(process.pid, signal.SIGKILL)


async def _listen(process: asyncio.subprocess.Process, client: Client) -> None:
    assert process.stdout
    async for line in process.stdout:
        client.lines.append(line.decode().rstrip())
    await process.wait()
    client.ended.set()


@asynccontextmanager
async def run_in_browser(text: str, port: int, token: str) -> AsyncIterator[Client]:
    """Run a snippet in a page of this port's origin."""
    client = Client()

    def hear(message: ConsoleMessage) -> None:
        client.lines.append(message.text)
        if message.text.startswith("ended:"):
            client.ended.set()

    async with _serve_page(text, port), async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        try:
            page = await browser.new_page()
            page.on("console", hear)
            await page.goto(f"http://localhost:{port}/")
            await page.evaluate("token => { start(token) }", token)
            yield client
        finally:
            await browser.close()


@asynccontextmanager
async def _serve_page(text: str, port: int) -> AsyncIterator[None]:
    async def page(_: web.Request) -> web.Response:
        return web.Response(text=_PAGE, content_type="text/html")

    async def script(_: web.Request) -> web.Response:
        return web.Response(text=text, content_type="text/javascript")

    app = web.Application()
    app.add_routes([web.get("/", page), web.get("/client.mjs", script)])
    async with serve_app(app, port):
        yield


@asynccontextmanager
async def serve_app(app: web.Application, port: int = 0) -> AsyncIterator[int]:
    """Serve an application, and yield its port."""
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "localhost", port)
        await site.start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
