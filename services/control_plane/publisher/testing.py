"""Tries an API's endpoints with a real WebSocket handshake."""

import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Literal
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake, InvalidHeader, InvalidStatus
from websockets.protocol import State
from websockets.uri import parse_uri

from services.control_plane.kit.bulkhead import Bulkhead
from services.control_plane.publisher.addresses import AddressChecker, AddressForbiddenError, Target
from services.control_plane.publisher.backend_secrets import BackendAccess
from services.control_plane.publisher.schemas import EndpointError, EndpointTest
from shared.definition import Endpoints

Environment = Literal["production", "sandbox"]

CONNECT_SECONDS: Final = 5.0
HANDSHAKE_SECONDS: Final = 10.0

_AT_ONCE: Final = 8
_MAX_RESPONSE_BYTES: Final = 64 * 1024


class EndpointTester:
    """Opens a WebSocket to each endpoint, as a pod would. Nothing is retried, and no redirect followed."""

    def __init__(self, addresses: AddressChecker, bulkhead: Bulkhead) -> None:
        self._addresses = addresses
        self._bulkhead = bulkhead

    def test(self, endpoints: Endpoints, access: BackendAccess) -> list[EndpointTest]:
        with self._bulkhead.place(), ThreadPoolExecutor(_AT_ONCE, "endpoint-test") as pool:
            return list(pool.map(lambda item: self._test_one(item[0], item[1], access), _targets(endpoints)))

    def _test_one(self, environment: Environment, url: str, access: BackendAccess) -> EndpointTest:
        began = time.monotonic()
        try:
            protocol = self._open(url, access)
        except (AddressForbiddenError, OSError, InvalidHandshake, EOFError) as error:
            return _failed(environment, url, error)
        return EndpointTest(
            environment=environment,
            url=url,
            ok=True,
            status=101,
            subprotocol=protocol.subprotocol,
            latency_ms=round((time.monotonic() - began) * 1000, 1),
        )

    def _open(self, url: str, access: BackendAccess) -> ClientProtocol:
        target = self._addresses.resolve(url)
        with _connect(target) as plain:
            secure = urlsplit(url).scheme == "wss"
            link = access.tls.wrap_socket(plain, server_hostname=target.host) if secure else plain
            with link:
                return _shake_hands(link, url, access.headers)


def _targets(endpoints: Endpoints) -> Iterable[tuple[Environment, str]]:
    for url in endpoints.production.urls if endpoints.production else ():
        yield "production", url
    for url in endpoints.sandbox.urls if endpoints.sandbox else ():
        yield "sandbox", url


def _connect(target: Target) -> socket.socket:
    """Connect to one of the addresses that were checked: the name is not looked up again."""
    deadline = time.monotonic() + CONNECT_SECONDS
    for address in target.addresses[:-1]:
        try:
            return _dial(address, target.port, deadline)
        except OSError:
            continue
    return _dial(target.addresses[-1], target.port, deadline)


def _dial(address: str, port: int, deadline: float) -> socket.socket:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("no time left to connect")
    link = socket.create_connection((address, port), timeout=left)
    link.settimeout(HANDSHAKE_SECONDS)
    return link


def _shake_hands(link: socket.socket, url: str, headers: Mapping[str, str]) -> ClientProtocol:
    """Send the opening handshake, verify the answer in full, and say goodbye."""
    protocol = ClientProtocol(parse_uri(url))
    request = protocol.connect()
    request.headers.update(headers)
    protocol.send_request(request)
    _send(link, protocol)
    deadline, received = time.monotonic() + HANDSHAKE_SECONDS, 0
    while protocol.state is State.CONNECTING and protocol.handshake_exc is None:
        left = deadline - time.monotonic()
        if left <= 0 or received > _MAX_RESPONSE_BYTES:
            raise TimeoutError("no whole answer to the handshake")
        link.settimeout(left)
        data = link.recv(4096)
        received += len(data)
        if data:
            protocol.receive_data(data)
        else:
            protocol.receive_eof()
    if protocol.handshake_exc is not None:
        raise protocol.handshake_exc
    protocol.send_close(1000)
    _send(link, protocol)
    return protocol


def _send(link: socket.socket, protocol: ClientProtocol) -> None:
    for data in protocol.data_to_send():
        if data:
            link.sendall(data)


def _failed(environment: Environment, url: str, error: BaseException) -> EndpointTest:
    name, detail = _explain(error)
    status = error.response.status_code if isinstance(error, InvalidStatus) else None
    return EndpointTest(environment=environment, url=url, ok=False, status=status, error=name, detail=detail)


def _explain(error: BaseException) -> tuple[EndpointError, str]:
    """Return the error's name of ours, and a sentence without the addresses that a name leads to."""
    name: EndpointError
    match error:
        case AddressForbiddenError():
            name, detail = "address_forbidden", "The host leads to an address that is not allowed."
        case socket.gaierror():
            name, detail = "name_not_resolved", "The host's name has no address."
        case TimeoutError():
            name, detail = "timeout", "There was no answer in time."
        case ssl.SSLError():
            name, detail = "tls_failed", f"TLS failed: {error.reason or error}"
        case InvalidHeader() if error.name.lower() == "sec-websocket-accept":
            name, detail = "bad_accept", "Sec-WebSocket-Accept is missing or wrong: no WebSocket server answers there."
        case InvalidStatus():
            name, detail = "handshake_refused", f"The server answered HTTP {error.response.status_code}."
        case OSError():
            name, detail = "connection_refused", f"No connection: {error.strerror or error}"
        case _:
            name, detail = "handshake_refused", f"The answer is no WebSocket handshake: {error}"
    return name, detail
