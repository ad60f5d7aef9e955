"""`framegate demo`: the whole product on this machine, with a sample API to talk to."""

import os
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import httpx
import typer
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from cli import sample
from cli.embedded import redis_server
from cli.errors import CommandError
from cli.network import free_port
from cli.stack import Stack

_HOST = "127.0.0.1"
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_HELLO = "Hello, Framegate!"


@dataclass(frozen=True, slots=True)
class _Ports:
    control_plane: int
    gateway: int
    gateway_tls: int
    ops: int
    echo: int
    sandbox: int

    @classmethod
    def choose(cls) -> "_Ports":
        """Take the usual ports, or others where those are taken."""
        return cls(
            control_plane=_choose("control plane", 8000),
            gateway=_choose("gateway", 9099),
            gateway_tls=_choose("gateway's TLS", 8099),
            ops=_choose("pod's health and metrics", 9100),
            echo=free_port(),
            sandbox=free_port(),
        )


def _choose(name: str, usual: int) -> int:
    port = free_port(usual, _HOST)
    if port != usual:
        print(f"Port {usual} is taken: {port} is for the {name}.", file=sys.stderr)
    return port


@dataclass(frozen=True, slots=True)
class _Demo:
    """Where everything is, and the secrets of this one run."""

    folder: Path
    redis_url: str
    ports: _Ports
    tls_cert: str
    tls_key: str
    client_id: str
    client_secret: str
    secret_key: str

    @property
    def rest_url(self) -> str:
        return f"http://localhost:{self.ports.control_plane}"

    @property
    def gateway_url(self) -> str:
        return f"ws://localhost:{self.ports.gateway}"

    @property
    def gateway_tls_url(self) -> str | None:
        return f"wss://localhost:{self.ports.gateway_tls}" if self.tls_cert else None

    @property
    def api_url(self) -> str:
        return f"{self.gateway_url}{sample.CONTEXT}/{sample.VERSION}"

    def environment(self) -> dict[str, str]:
        """Return the settings of both planes over what this process was given."""
        given = dict(os.environ)  # noqa: TID251 - handed on to the children, not read
        return {
            **{name: value for name, value in given.items() if not name.startswith("FRAMEGATE_TLS_")},
            "PYTHONUNBUFFERED": "1",
            "FRAMEGATE_DEMO": "true",
            "FRAMEGATE_REDIS_URL": self.redis_url,
            "FRAMEGATE_DATABASE_URL": f"sqlite:///{self.folder / 'framegate.db'}",
            "FRAMEGATE_SECRET_KEY": self.secret_key,
            "FRAMEGATE_ADMIN_USERNAME": "admin",
            "FRAMEGATE_ADMIN_PASSWORD": "admin",
            "FRAMEGATE_BOOTSTRAP_CLIENT_ID": self.client_id,
            "FRAMEGATE_BOOTSTRAP_CLIENT_SECRET": self.client_secret,
            "FRAMEGATE_PUBLIC_URL": self.rest_url,
            "FRAMEGATE_GATEWAY_URL": self.gateway_url,
            **({"FRAMEGATE_GATEWAY_TLS_URL": self.gateway_tls_url} if self.gateway_tls_url else {}),
            "FRAMEGATE_DRAIN_SECONDS": "1",
        }

    def tls_environment(self) -> dict[str, str]:
        """Return what the pod is told besides. The demo itself talks to the control plane without a certificate."""
        return {"FRAMEGATE_TLS_CERT": self.tls_cert, "FRAMEGATE_TLS_KEY": self.tls_key} if self.tls_cert else {}


def run(
    smoke: Annotated[
        bool, typer.Option("--smoke", help="Send one echo through the gateway, print it and end.")
    ] = False,
    redis_url: Annotated[str, typer.Option(envvar="FRAMEGATE_REDIS_URL", help="Use this Redis.")] = "",
    tls_cert: Annotated[str, typer.Option(envvar="FRAMEGATE_TLS_CERT", help="Serve wss with this.")] = "",
    tls_key: Annotated[str, typer.Option(envvar="FRAMEGATE_TLS_KEY", help="The key of the certificate.")] = "",
) -> None:
    """Run all of Framegate on this machine, with a sample API. Ctrl-C ends it and leaves nothing."""
    if bool(tls_cert) != bool(tls_key):
        raise typer.BadParameter("--tls-cert and --tls-key go together")
    up = False
    try:
        with (
            _interrupted_once(),
            tempfile.TemporaryDirectory(prefix="framegate-demo-") as folder,
            nullcontext(redis_url) if redis_url else redis_server() as url,
            Stack(Path(folder)) as stack,
        ):
            demo = _describe(Path(folder), url, tls_cert, tls_key)
            keys = _bring_up(demo, stack)
            up = True
            if smoke:
                print(f"sent and got back through {demo.api_url}: {_HELLO}")
                return
            print(_banner(demo, keys), flush=True)
            stack.watch()
    except KeyboardInterrupt:
        print("Ended.", file=sys.stderr)
        raise typer.Exit(0 if up else 130) from None


@contextmanager
def _interrupted_once() -> Iterator[None]:
    """Treat SIGTERM and a closed terminal like Ctrl-C, and let a second one not disturb the end."""

    def interrupt(*_: object) -> None:
        for number in _ENDING:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _describe(folder: Path, redis_url: str, tls_cert: str, tls_key: str) -> _Demo:
    return _Demo(
        folder=folder,
        redis_url=redis_url,
        ports=_Ports.choose(),
        tls_cert=tls_cert,
        tls_key=tls_key,
        client_id="demo-pipeline",
        client_secret=secrets.token_urlsafe(32),
        secret_key=secrets.token_urlsafe(32),
    )


def _bring_up(demo: _Demo, stack: Stack) -> dict[str, sample.Key]:
    """Start everything, publish the sample API, and return once its echo comes through the gateway."""
    ports, env = demo.ports, demo.environment()
    stack.start("echo backend", "cli.echo", "--port", str(ports.echo), env=env)
    stack.start("sandbox backend", "cli.echo", "--port", str(ports.sandbox), "--prefix", "sandbox: ", env=env)
    control_plane = ["--host", _HOST, "--port", str(ports.control_plane)]
    stack.start("control plane", "cli.main", "control-plane", *control_plane, env=env)
    gateway = ["--port", str(ports.gateway), "--tls-port", str(ports.gateway_tls), "--ops-port", str(ports.ops)]
    gateway += ["--workers", "1"]
    stack.start("pod", "cli.main", "data-plane", "--host", _HOST, *gateway, env=env | demo.tls_environment())
    stack.wait_for("the control plane", lambda: _is_ready(ports.control_plane))
    backends = sample.Backends(f"ws://{_HOST}:{ports.echo}", f"ws://{_HOST}:{ports.sandbox}")
    keys = sample.set_up(f"http://{_HOST}:{ports.control_plane}", demo.client_id, demo.client_secret, backends)
    stack.wait_for("the pod", lambda: _is_ready(ports.ops))
    _await_echo(demo, stack, keys["PRODUCTION"].token)
    return keys


def _is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://{_HOST}:{port}/readyz", timeout=2, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _await_echo(demo: _Demo, stack: Stack, token: str) -> None:
    """Wait for the echo: the pod hears of the API a moment after the control plane has it."""
    failures: list[str] = []

    def echoes() -> bool:
        try:
            return _echo(demo.ports.gateway, token) == _HELLO
        except (OSError, WebSocketException) as error:
            failures.append(str(error))
            return False

    try:
        stack.wait_for("an echo through the gateway", echoes, within_seconds=10)
    except CommandError as error:
        raise CommandError(f"{failures[-1] if failures else 'another answer'}: {error}") from error


def _echo(port: int, token: str) -> str | bytes:
    url = f"ws://{_HOST}:{port}{sample.CONTEXT}/{sample.VERSION}"
    headers = {"Authorization": f"Bearer {token}"}
    with connect(url, additional_headers=headers, open_timeout=5, close_timeout=2, proxy=None) as connection:
        connection.send(_HELLO)
        return connection.recv(timeout=5)


def _banner(demo: _Demo, keys: dict[str, sample.Key]) -> str:
    production, sandbox = keys["PRODUCTION"], keys["SANDBOX"]
    wss = f"\n  wss             {demo.gateway_tls_url}" if demo.gateway_tls_url else ""
    return f"""
FRAMEGATE DEMO: only this machine can reach it, its passwords are no secret, and nothing of it is kept. Ctrl-C ends it.

  Control plane   {demo.rest_url}  (OpenAPI: {demo.rest_url}/openapi.json)
  Gateway         {demo.gateway_url}  (health and metrics: http://localhost:{demo.ports.ops}){wss}
  Console         {demo.rest_url}/  (sign in as admin / admin)
  For pipelines   client id {demo.client_id}, secret {demo.client_secret}
  Logs            {demo.folder}

  Sample API      {sample.NAME} {sample.VERSION} at {demo.api_url}
  {sample.APPLICATION} is subscribed to it at {sample.POLICY}, with these keys:
    PRODUCTION    {production.consumer_key}  secret {production.consumer_secret}
    SANDBOX       {sandbox.consumer_key}  secret {sandbox.consumer_secret}

Try it in another terminal. First the token (PRODUCTION):

export FRAMEGATE_TOKEN={production.token}

then one of these:

{_command("framegate")} connect {demo.api_url}

wscat -c {demo.api_url} -H "Authorization: Bearer $FRAMEGATE_TOKEN"

{_command("python")} - <<'END'
import os
from websockets.sync.client import connect
with connect("{demo.api_url}", additional_headers={{"Authorization": "Bearer " + os.environ["FRAMEGATE_TOKEN"]}}) as ws:
    ws.send("{_HELLO}")
    print(ws.recv())
END
"""


def _command(name: str) -> str:
    """Return how a shell finds what is installed beside us."""
    beside = Path(sys.executable).parent / name
    on_path = shutil.which(name)
    if not beside.exists() or (on_path and Path(on_path).parent == beside.parent):
        return name
    return str(beside.relative_to(Path.cwd()) if beside.is_relative_to(Path.cwd()) else beside)
