"""An installation as processes that a test may kill: Redis, control planes, pods and a backend."""

import secrets
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from redis.exceptions import RedisError
from websockets.exceptions import InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from services.control_plane.catalogue import repository
from services.control_plane.kit.database import Database
from services.data_plane.snapshot import SnapshotFile
from shared import keys
from shared.catalogue import KINDS, Mark, digest_objects
from tests.support.program import Program
from tests.support.redis_server import RedisServer
from tests.support.waiting import free_port, wait_until

ECHO = "/echo/1.0"
CLIENT_ID = "faults"
SCOPES = "publisher:read publisher:write publisher:publish store:subscribe admin"
DRAIN_SECONDS = 2
CALL_SECONDS = 15.0
SAVED_SECONDS = 15.0
"""For a snapshot: pods write one each 5 s at most."""

SETTLED_SECONDS = 30.0
"""For all to agree again: waits of 5 s between tries, and a comparison each 15 s, on a machine that is busy."""


@dataclass(frozen=True, slots=True)
class Published:
    """An API, and where it is served."""

    id: str
    path: str


def echoes(client: ClientConnection) -> bool:
    client.send("still here")
    return client.recv(timeout=5) == "still here"


class Service:
    """A plane's process, and the port at which it says how it is."""

    def __init__(self, program: Program, health_port: int) -> None:
        self.program = program
        self.health_url = f"http://127.0.0.1:{health_port}"
        self.http = httpx.Client(timeout=2, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))

    def is_ready(self) -> bool:
        return self.ask("/readyz") is not None

    def ask(self, path: str) -> httpx.Response | None:
        """Return a good answer, or None."""
        try:
            answer = self.http.get(self.health_url + path)
        except httpx.TransportError:
            return None
        return answer if answer.is_success else None

    def close(self) -> None:
        self.program.kill()
        self.http.close()


class Pod(Service):
    """A pod of one worker, which keeps a snapshot."""

    def __init__(self, name: str, folder: Path, env: Mapping[str, str]) -> None:
        self.port, ops_port = free_port(), free_port()
        self.snapshot = Path(env.get("FRAMEGATE_SNAPSHOT", folder / f"{name}.snapshot"))
        ports = ["--port", str(self.port), "--ops-port", str(ops_port), "--workers", "1"]
        command = [sys.executable, "-m", "cli.main", "data-plane", "--host", "127.0.0.1", *ports]
        super().__init__(Program(name, folder, command, {**env, "FRAMEGATE_SNAPSHOT": str(self.snapshot)}), ops_port)

    def config(self) -> Mapping[str, Any]:
        """Return what it serves; nothing where it doesn't answer."""
        answer = self.ask("/config")
        return answer.json() if answer else {}

    @property
    def age_seconds(self) -> float:
        """How old it says that is what it serves."""
        return float(self.config().get("age_seconds") or 0)

    def read_snapshot(self) -> Mark | None:
        """Return the mark of what it has on disk."""
        found = SnapshotFile(self.snapshot).load()
        return found.mark if found else None

    def connect(self, path: str, token: str | None = None) -> ClientConnection:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        uri = f"ws://127.0.0.1:{self.port}{path}"
        return connect(uri, additional_headers=headers, proxy=None, open_timeout=10, close_timeout=1)

    def dial(self, path: str, token: str | None = None) -> int:
        """Return the status of a handshake; 0 where there is none."""
        try:
            with self.connect(path, token):
                return 101
        except InvalidStatus as error:
            return error.response.status_code
        except (InvalidHandshake, OSError):
            return 0


class ControlPlane(Service):
    """A control plane of one worker."""

    def __init__(self, name: str, folder: Path, env: Mapping[str, str]) -> None:
        port = free_port()
        command = [sys.executable, "-m", "services.control_plane", "--port", str(port)]
        super().__init__(Program(name, folder, command, env), port)


class Installation:
    """All of it, with the API `ECHO` published and subscribed, and the calls that tests make."""

    def __init__(self, folder: Path, database_url: str, *, control_planes: int = 1, pods: int = 2) -> None:
        self._folder = folder
        self._secret = secrets.token_urlsafe(32)
        self._contexts = (f"/fault-{number}" for number in count())
        self.redis = RedisServer(folder)
        self.database = Database(database_url)
        self._backend_port = free_port()
        echo = [sys.executable, "-m", "cli.echo", "--port", str(self._backend_port)]
        self.backend = Program("backend", folder, echo)
        self._env = {
            "FRAMEGATE_DATABASE_URL": database_url,
            "FRAMEGATE_REDIS_URL": self.redis.url,
            "FRAMEGATE_SECRET_KEY": secrets.token_urlsafe(32),
            "FRAMEGATE_ADMIN_PASSWORD": secrets.token_urlsafe(16),
            "FRAMEGATE_BOOTSTRAP_CLIENT_ID": CLIENT_ID,
            "FRAMEGATE_BOOTSTRAP_CLIENT_SECRET": self._secret,
            "FRAMEGATE_PUBLIC_URL": "http://localhost:8000",
            "FRAMEGATE_ENDPOINT_ALLOW": "127.0.0.0/8",
            "FRAMEGATE_DRAIN_SECONDS": str(DRAIN_SECONDS),
        }
        self.control_planes = [
            ControlPlane(f"control-plane-{number}", folder, self._env) for number in range(control_planes)
        ]
        self.pods = [Pod(f"pod-{number}", folder, self._env) for number in range(pods)]
        self.key: Mapping[str, Any] = {}
        self._rest_token = ""

    @property
    def control_plane(self) -> ControlPlane:
        return self.control_planes[0]

    @property
    def services(self) -> Sequence[Service]:
        return [*self.control_planes, *self.pods]

    @property
    def token(self) -> str:
        """The access token that the application got with its key."""
        return str(self.key["token"]["access_token"])

    @property
    def client_env(self) -> Mapping[str, str]:
        """What the command needs to call the REST API."""
        return {
            "FRAMEGATE_URL": self.control_plane.health_url,
            "FRAMEGATE_CLIENT_ID": CLIENT_ID,
            "FRAMEGATE_CLIENT_SECRET": self._secret,
            "HOME": str(self._folder),
        }

    def start(self) -> None:
        self.mend()
        api = self.publish("/echo", auth={"types": ["oauth2"]}, policies=["Unlimited"])
        listed = self.call("GET", "/store/v1/applications")["items"]
        application = next(item["id"] for item in listed if item["name"] == "DefaultApplication")
        wanted = {"application_id": application, "api_id": api.id, "policy": "Unlimited"}
        self.call("POST", "/store/v1/subscriptions", wanted)
        self.key = self.call("POST", f"/store/v1/applications/{application}/keys", {"key_type": "PRODUCTION"})
        self.settle()

    def close(self) -> None:
        for service in self.services:
            service.close()
        self.backend.kill()
        self.redis.close()
        self.database.close()

    def mend(self) -> None:
        """Have all run and agree, whatever happened before."""
        if self.redis.program.pid is None:
            self.redis.start()
        for program in (self.backend, *(service.program for service in self.services)):
            if program.pid is None:
                program.start()
        self.wait_until_up()
        wait_until(self._backend_listens, within=20)
        self._rest_token = self._sign_in()
        self.settle()

    def wait_until_up(self) -> None:
        for service in self.services:
            wait_until(partial(self._is_up, service), within=60)

    def settle(self) -> Mark:
        """Wait until SQL, Redis and every pod hold the same."""
        mark = wait_until(self.agreed, within=SETTLED_SECONDS)
        assert mark
        return mark

    def save(self) -> Mark:
        """Wait until every pod has on disk what all hold."""
        mark = self.settle()
        wait_until(lambda: all(pod.read_snapshot() == mark for pod in self.pods), within=SAVED_SECONDS)
        return mark

    def agreed(self) -> Mark | None:
        """Return what all hold, by digests of the objects themselves where they can be seen; None if they differ."""
        mark = self.read_sql()
        try:
            if self.read_redis() != (mark, mark.digest):
                return None
        except RedisError:
            return None
        configs = [pod.config() for pod in self.pods]
        same = all((config.get("revision"), config.get("digest")) == (mark.revision, mark.digest) for config in configs)
        return mark if same else None

    def read_sql(self) -> Mark:
        """Return SQL's mark, after a look at whether its objects are those."""
        with self.database.snapshot() as session:
            mark = repository.get_state(session).mark
            digest = digest_objects((item.kind, item.id, item.body) for item in repository.list_objects(session))
        assert digest == mark.digest, "SQL does not hold what it says"
        return mark

    def read_redis(self) -> tuple[Mark | None, str]:
        """Return Redis' mark, and the digest of the objects beside it."""
        with self.redis.client.pipeline(transaction=True) as pipe:
            pipe.hgetall(keys.CATALOGUE_STATE)
            for kind in KINDS:
                pipe.hgetall(keys.catalogue_objects(kind))
            state, *hashes = pipe.execute()
        objects = ((kind, *item) for kind, bodies in zip(KINDS, hashes, strict=True) for item in bodies.items())
        return Mark.read(state), digest_objects(objects)

    def call(self, method: str, path: str, body: object = None, *, via: int = 0) -> Any:
        """Call the REST API of a control plane, and return the answer to what was accepted."""
        answer = self.attempt(method, path, body, via=via)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def attempt(self, method: str, path: str, body: object = None, *, via: int = 0) -> httpx.Response:
        """Call the REST API of a control plane, and return whatever it answers."""
        plane = self.control_planes[via]
        headers = {"Authorization": f"Bearer {self._rest_token}"}
        return plane.http.request(method, plane.health_url + path, json=body, headers=headers, timeout=CALL_SECONDS)

    def publish(self, context: str = "", *, via: int = 0, **fields: Any) -> Published:
        """Publish an API, open to anybody unless said otherwise. Its context is a new one."""
        context = context or next(self._contexts)
        body = {
            "name": context.strip("/"),
            "context": context,
            "version": "1.0",
            "endpoints": {"production": {"urls": [f"ws://127.0.0.1:{self._backend_port}"]}},
            "auth": {"types": ["none"]},
            "ping_interval_seconds": None,
            **fields,
        }
        created = self.call("POST", "/publisher/v1/apis", body, via=via)
        api = Published(created["id"], f"{context}/1.0")
        self.move(api, "publish", via=via)
        return api

    def unpublish(self, api: Published) -> None:
        self.move(api, "demote")
        self.call("DELETE", f"/publisher/v1/apis/{api.id}")

    def move(self, api: Published, action: str, *, via: int = 0) -> None:
        self.call("POST", f"/publisher/v1/apis/{api.id}/lifecycle", {"action": action}, via=via)

    def serves(self, api: Published) -> bool:
        """Tell whether every pod lets a client through to an API."""
        return self.statuses(api) == {101}

    def statuses(self, api: Published) -> set[int]:
        """Return what pods answer to a handshake."""
        return {pod.dial(api.path) for pod in self.pods}

    @contextmanager
    def connected(self, token: str) -> Iterator[Sequence[ClientConnection]]:
        """Hold a client of `ECHO` at every pod."""
        with ExitStack() as stack:
            yield [stack.enter_context(pod.connect(ECHO, token)) for pod in self.pods]

    def fetch_token(self) -> str:
        """Get an access token for the application."""
        answer = self.ask_for_token()
        assert answer.is_success, answer.text
        return str(answer.json()["access_token"])

    def ask_for_token(self) -> httpx.Response:
        """Ask the token endpoint for the application, and return whatever it answers."""
        return self._send_form("/oauth2/token", self._client, grant_type="client_credentials")

    def revoke(self, token: str) -> None:
        self._post_form("/oauth2/revoke", self._client, token=token)

    @contextmanager
    def another_pod(self, name: str, **env: str) -> Iterator[Pod]:
        """Start one more pod, that nobody waits for. It is gone at the end."""
        pod = Pod(name, self._folder, {**self._env, **env})
        pod.program.start()
        try:
            yield pod
        finally:
            pod.close()

    def _backend_listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._backend_port), timeout=2).close()
        except OSError:
            return False
        return True

    def _is_up(self, service: Service) -> bool:
        assert service.program.pid is not None, service.program.said
        return service.is_ready()

    @property
    def _client(self) -> tuple[str, str]:
        return self.key["consumer_key"], self.key["consumer_secret"]

    def _sign_in(self) -> str:
        form = {"grant_type": "client_credentials", "scope": SCOPES}
        return str(self._post_form("/oauth2/token", (CLIENT_ID, self._secret), **form)["access_token"])

    def _send_form(self, path: str, client: tuple[str, str], **form: str) -> httpx.Response:
        plane = self.control_plane
        return plane.http.post(plane.health_url + path, data=form, auth=client, timeout=CALL_SECONDS)

    def _post_form(self, path: str, client: tuple[str, str], **form: str) -> Any:
        answer = self._send_form(path, client, **form)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None
